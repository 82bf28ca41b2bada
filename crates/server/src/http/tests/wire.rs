//! Real sockets on loopback, with a client that trusts the data directory's authority only.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::tls::{Authority, LeafResolver, server_config};

struct Served {
    scratch: Scratch,
    resolver: Arc<LeafResolver>,
    address: SocketAddr,
    server: JoinHandle<Result<(), ListenError>>,
}

fn served() -> Served {
    let scratch = scratch();
    let now = clock::unix_seconds();
    let resolver = Arc::new(LeafResolver::new(Authority::open(&scratch.paths, now).unwrap(), now).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, server_config(resolver.clone()), scratch.arm.clone()));
    Served { scratch, resolver, address, server }
}

impl Served {
    async fn connect(&self, name: &'static str, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let versions = if alpn == b"h2" { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS12] };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.resolver.authority().certificate().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = vec![alpn.to_vec()];
        let socket = TcpStream::connect(self.address).await?;
        TlsConnector::from(Arc::new(client)).connect(ServerName::try_from(name).unwrap(), socket).await
    }

    async fn http1(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = self.connect("127.0.0.1", b"http/1.1").await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect("localhost", b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    fn request(&self, path: &str) -> http::Request<Full<Bytes>> {
        let uri = format!("https://localhost:{}{path}", self.address.port());
        let request = http::Request::get(uri).header("host", "localhost").header(AUTHORIZATION, self.scratch.arm_bearer());
        request.body(Full::default()).unwrap()
    }
}

#[tokio::test]
async fn both_protocols_and_both_tls_versions_are_served() {
    let served = served();
    let one = served.http1().await.send_request(served.request("/x")).await.unwrap();
    let two = served.http2().await.send_request(served.request("/x")).await.unwrap();
    assert_eq!((one.status(), two.status()), (StatusCode::OK, StatusCode::OK));
    assert!(served.connect("example.com", b"h2").await.is_err());
}

#[tokio::test]
async fn a_new_leaf_does_not_disturb_an_open_watch() {
    let served = served();
    let mut sender = served.http2().await;
    let mut watch = sender.send_request(served.request("/stream")).await.unwrap().into_body();
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "first\n");
    assert!(served.connect("localhost", b"h2").await.is_ok());
    assert!(served.resolver.refresh(clock::unix_seconds() + 61 * 86_400).unwrap());
    let open = tokio::time::timeout(Duration::from_millis(100), watch.frame()).await;
    assert!(open.is_err(), "the watch is still open and silent");
    assert_eq!(sender.send_request(served.request("/x")).await.unwrap().status(), 200);
    // The new leaf starts 61 days from now: that a client refuses it today shows that new handshakes get it.
    assert!(served.connect("localhost", b"h2").await.is_err());
}

#[tokio::test]
async fn shutting_down_ends_streams_in_order_and_then_the_server() {
    let served = served();
    let mut one = served.http1().await;
    let mut two = served.http2().await;
    let mut watches = [
        one.send_request(served.request("/stream")).await.unwrap().into_body(),
        two.send_request(served.request("/stream")).await.unwrap().into_body(),
    ];
    for watch in &mut watches {
        watch.frame().await.unwrap().unwrap();
    }
    served.scratch.shutdown.send(true).unwrap();
    for watch in watches {
        let rest = watch.collect().await.expect("an orderly end, not a broken connection");
        assert_eq!(rest.to_bytes(), "");
    }
    tokio::time::timeout(Duration::from_secs(3), served.server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_socket_that_others_can_reach_is_refused() {
    let scratch = scratch();
    for address in ["0.0.0.0:0", "127.0.0.2:0"] {
        let listener = std::net::TcpListener::bind(address).unwrap();
        let now = clock::unix_seconds();
        let resolver = LeafResolver::new(Authority::open(&scratch.paths, now).unwrap(), now).unwrap();
        let serving = serve(listener, server_config(resolver.into()), scratch.arm.clone());
        let refused = tokio::time::timeout(Duration::from_secs(1), serving).await;
        assert!(matches!(refused, Ok(Err(ListenError::NotLoopback(_)))), "{address}");
    }
}

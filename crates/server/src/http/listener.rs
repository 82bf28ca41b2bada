//! Accepts connections on 127.0.0.1 and speaks TLS, then HTTP/1 or HTTP/2, with an edge behind.
//!
//! Invariants: a socket bound to any other address is refused (security T2); the number of connections is bounded by
//! not accepting more; shutting down finishes what is being answered, within a grace period.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Edge, Handler};

/// A handshake is two round trips on loopback.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// HTTP/1: a head must be complete, and an idle connection be used again, within this.
const HEAD: Duration = Duration::from_secs(90);
/// Heads: about 100 headers of ordinary size; tokens are under 8 KiB.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// HTTP/2: streams of one connection, as kube-apiserver allows (250).
const STREAMS_PER_CONNECTION: u32 = 250;
/// HTTP/2: an unused connection is asked this often, so that a client that vanished is noticed.
const PING: Duration = Duration::from_secs(30);
/// After a shutdown was asked for, what is still being answered gets this long.
const GRACE: Duration = Duration::from_secs(5);
/// When the process is out of file descriptors: wait for one to come back.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why a listener does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Only 127.0.0.1 is served: whoever reaches the port acts as the administrator's own machine.
    #[error("refusing to listen on {0}: only 127.0.0.1 is served")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("listening failed: {0}")]
    Io(#[from] io::Error),
}

/// Serves `listener` until the edge's shutdown turns true and the connections have ended.
pub async fn serve<H: Handler>(
    listener: std::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    edge: Arc<Edge<H>>,
) -> Result<(), ListenError> {
    let address = listener.local_addr()?;
    if address.ip() != Ipv4Addr::LOCALHOST {
        return Err(ListenError::NotLoopback(address));
    }
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let acceptor = TlsAcceptor::from(tls);
    let mut shutdown = edge.shutdown();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = shutdown.wait_for(|down| *down) => break,
            accepted = accept(&listener, &edge) => {
                let (socket, room) = accepted;
                let connection = connection(socket, acceptor.clone(), edge.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(room);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
    Ok(()) // the set aborts whatever is left
}

async fn accept<H: Handler>(listener: &TcpListener, edge: &Edge<H>) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let connections = edge.limits().connections.clone();
    let room = connections.acquire_owned().await.expect("never closed");
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return (socket, room),
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn connection<H: Handler>(socket: TcpStream, acceptor: TlsAcceptor, edge: Arc<Edge<H>>) {
    let _ = socket.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await else {
        return; // a probe, a client that does not trust us, or a slow one: nothing was asked
    };
    let mut shutdown = edge.shutdown();
    let service = service_fn(move |request: Request<Incoming>| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(edge.call(request).await) }
    });
    let protocol = protocol();
    let mut connection = std::pin::pin!(protocol.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = shutdown.wait_for(|down| *down) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

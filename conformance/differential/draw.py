"""What worlds and configurations both draw from."""

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def chance(r, percent):
    """True so often."""
    return r.random() * 100 < percent


def node_term(r):
    """A term about a node; perhaps empty."""
    made = {}
    for _ in range(r.choice([0, 1, 1, 1, 2])):
        operator = r.choice(["In", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
        if operator in ("Gt", "Lt"):
            need = {"key": r.choice(["gen", "gen", "pool"]), "values": [str(r.randint(2, 6))]}
        elif operator in ("In", "NotIn"):
            need = r.choice([{"key": "pool", "values": r.sample(["sys", "batch", "web", "gpu"], 2)}, {"key": ZONE, "values": r.sample(["z1", "z2", "z3"], 2)}])
        else:
            need = {"key": r.choice([ZONE, "zone", "pool", "none"])}
        made.setdefault("matchExpressions", []).append({"operator": operator, **need})
    return made

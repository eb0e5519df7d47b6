"""The server of a process: the RPCs of its services behind the pipeline, and nothing that is not in the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis.auth.authenticator import Authenticator
from chassis.call import Call
from chassis.db import Database, Unit
from chassis.db.writer import Item
from chassis.refusal import ErrorReason, Refusal
from chassis.server import status
from chassis.server.admission import Admission, Door
from chassis.server.methods import methods_of
from chassis.server.pipeline import Context, Handler, Pipeline
from chassis.server.probe import Probe
from chassis.service import Service
from chassis.telemetry import Telemetry
from ombud.common.v1.audit_pb2 import AuditOutcome

_OPTIONS = (
    # Two servers on one port would share its connections silently.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 8 << 20),
    # Without the second, pings between two calls count against a floor of two hours, and the third ends the connection.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # What gRPC itself drops from its queue, it drops without a reason; admission keeps the queue shorter than this.
    ("grpc.server.max_pending_requests", 5_000),
    ("grpc.server.max_pending_requests_hard_limit", 10_000),
)
LIVENESS = "liveness"


class _Registrar:
    """Stands in for a server while the generated code registers servicers, and keeps what it registers."""

    def __init__(self) -> None:
        self.handlers: dict[str, Mapping[str, Handler]] = {}

    def add_generic_rpc_handlers(self, _handlers: object) -> None:
        """Called by the generated code; the next call says the same in a form that we keep."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        self.handlers[service] = handlers


@dataclass(frozen=True, slots=True)
class _Route:
    """Where calls of a path come in, who serves them, and who answers those that do not come in."""

    door: Door
    serve: "Handler"
    turn_away: "Handler"


class _Router(grpc.GenericRpcHandler):
    """Finds the wrapped handler of a path, before a byte of the request is read."""

    def __init__(self, routes: Mapping[str, _Route], probe: Probe) -> None:
        self._routes = routes
        self._probe = probe
        self._unknown: Handler = grpc.unary_unary_rpc_method_handler(_unknown)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        path: str = handler_call_details.method
        route = self._routes.get(path)
        if route is None:
            if path == self._probe.path:
                self._probe.seen()
            return self._unknown if path.startswith("/ombud.") else None
        return route.serve if route.door.open() else route.turn_away


async def _unknown(_raw: bytes, context: Context) -> bytes:
    refusal = Refusal(
        ErrorReason.ERROR_REASON_UNKNOWN_METHOD,
        "no RPC by that name",
        satisfy="an RPC of the services that this server runs",
    )
    await context.abort(status.code_of(refusal), refusal.message, status.details_of(refusal))


def build_server(
    services: Sequence[Service],
    *,
    authenticator: Authenticator,
    telemetry: Telemetry,
    reflect: bool,
    probe: Probe,
    connection_seconds: float | None = None,
) -> grpc.aio.Server:
    """A server with every RPC of the services behind the pipeline.

    Args:
        services: What to serve.
        authenticator: Proves callers.
        telemetry: Records spans.
        reflect: Whether to offer gRPC server reflection; for development.
        probe: Sees how long calls wait, once it runs.
        connection_seconds: After how long a client has to open its connection anew; calls on the old one go on to their
            end, however long they take. Never if absent.
    """
    routes: dict[str, _Route] = {}
    names: list[str] = []
    admission = Admission(telemetry.meter, probe.pressure)
    for service in services:
        pipeline = Pipeline(
            authenticator=authenticator,
            telemetry=telemetry,
            denied=_denials(service.database),
            admission=admission,
        )
        registrar = _Registrar()
        for add, servicer in service.servicers:
            add(servicer, registrar)
        for name, found in registrar.handlers.items():
            names.append(name)
            for path, method in methods_of(name).items():
                serve = pipeline.wrap(method, found[path.rpartition("/")[2]])
                routes[path] = _Route(admission.door(method.load), serve, pipeline.turn_away(method))
    ageing = (("grpc.max_connection_age_ms", int(connection_seconds * 1000)),) if connection_seconds else ()
    server = grpc.aio.server(options=(*_OPTIONS, *ageing))
    probe.bind(server)
    server.add_generic_rpc_handlers((_Router(routes, probe),))
    if reflect:
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server, descriptor_pool.Default())
    return server


async def build_health_server() -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """A plaintext server with the health service alone, which knows of nothing that serves yet.

    The name `liveness` serves for as long as the process answers at all: a database that is away is no reason to
    start the process anew.
    """
    servicer = health.aio.HealthServicer()
    await servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
    server = grpc.aio.server(options=_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return server, servicer


async def set_health(servicer: health.aio.HealthServicer, services: Sequence[Service], *, serving: bool) -> None:
    """Sets the overall status and that of each service by name."""
    kind = health_pb2.HealthCheckResponse
    for name in ("", *(service.name for service in services)):
        await servicer.set(name, kind.SERVING if serving else kind.NOT_SERVING)


def _denials(database: Database) -> Any:  # noqa: ANN401 - chassis.server.pipeline.Denied
    async def record(call: Call, refusal: Refusal) -> None:
        def command(unit: Unit) -> None:
            unit.audit(
                f"{database.service}.call.denied",
                facts={"reason": status.reason_name(refusal)},
                outcome=AuditOutcome.AUDIT_OUTCOME_DENIED,
            )

        await database.submit(Item(call, command, idempotent=False))

    return record

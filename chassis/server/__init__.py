"""The gRPC server of the services: one pipeline around every RPC, health on a port of its own, drain."""

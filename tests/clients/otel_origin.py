"""An HTTP origin instrumented with OpenTelemetry: takes the context out of each request by the SDK's own propagators, or by
those that are named, and answers with what it found. Prints `listening on IP:PORT`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider

import otel_formats

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("origin")
otel_formats.use(sys.argv[1:])


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        fields = {name.lower(): value for name, value in self.headers.items()}
        context = propagate.extract(fields)
        with tracer.start_as_current_span("work", context=context) as span:
            own, parent = span.get_span_context(), span.parent
            answer = {
                "trace_id": format(own.trace_id, "032x"),
                "parent": parent and format(parent.span_id, "016x"),
                "is_remote": bool(parent and parent.is_remote),
                "sampled": own.trace_flags.sampled,
                "trace_state": own.trace_state.to_header(),
                "baggage": dict(baggage.get_all(context)),
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
print(f"listening on 127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()

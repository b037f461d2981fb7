"""A client instrumented with OpenTelemetry: asks a URL within a span, with baggage, by the SDK's own propagators or by
those that are named behind the URL. Prints the ids of its span and the answer as a JSON line."""

import json
import sys
import urllib.request

from opentelemetry import baggage, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TraceState

import otel_formats

trace.set_tracer_provider(TracerProvider())
tracer = trace.get_tracer("client")
otel_formats.use(sys.argv[2:])

parent = trace.NonRecordingSpan(
    trace.SpanContext(
        trace_id=int("4bf92f3577b34da6a3ce929d0e0e4736", 16),
        span_id=int("00f067aa0ba902b7", 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(1),
        trace_state=TraceState([("vendor", "a:1"), ("other", "x")]),
    )
)
context = baggage.set_baggage("user", "J\u00fcrgen, 7", trace.set_span_in_context(parent))
with tracer.start_as_current_span("ask", context=context) as span:
    fields = {}
    propagate.inject(fields, context=trace.set_span_in_context(span, context))
    request = urllib.request.Request(sys.argv[1], headers=fields)
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    own = span.get_span_context()
    print(json.dumps({"trace_id": format(own.trace_id, "032x"), "span_id": format(own.span_id, "016x"), "answer": answer}))

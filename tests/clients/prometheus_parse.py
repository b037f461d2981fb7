"""Reads a page of metrics with the parsers of Prometheus' own Python client and prints what they found as JSON.

Arguments: `prometheus` or `openmetrics`, and a file. The parser of OpenMetrics is strict: it fails at the first line that
breaks a rule. That of the text format is lenient, so what it leaves out is looked for here.
"""

import json
import math
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus


def number(value):
    """JSON knows no infinity and no NaN."""
    return float(value) if math.isfinite(value) else str(value)


def shown(sample):
    exemplar = sample.exemplar
    return {
        "name": sample.name,
        "labels": sample.labels,
        "value": number(sample.value),
        "exemplar": exemplar
        and {"labels": exemplar.labels, "value": exemplar.value, "time": float(exemplar.timestamp)},
    }


def main():
    form, path = sys.argv[1:]
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    families = list({"prometheus": parse_prometheus, "openmetrics": parse_openmetrics}[form](text))
    lines = sum(1 for line in text.split("\n") if line and not line.startswith("#"))
    samples = sum(len(family.samples) for family in families)
    assert samples == lines, f"expected {lines} samples, found {samples}"
    names = [family.name for family in families]
    assert len(names) == len(set(names)), f"a family twice in {names}"
    for family in families:
        assert family.type != "unknown", f"{family.name} without a type"
        assert all(sample.timestamp is None for sample in family.samples), f"a timestamp in {family.name}"
    print(
        json.dumps(
            {
                family.name: {
                    "type": family.type,
                    "unit": family.unit,
                    "help": family.documentation,
                    "samples": [shown(sample) for sample in family.samples],
                }
                for family in families
            }
        )
    )


main()

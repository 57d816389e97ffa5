"""Sends metrics and logs with the official OpenTelemetry exporters, as an enrolled box.

otlp_export.py URL AUTHORITIES CERTIFICATE KEY [--gzip]

Prints one JSON object: what each export came back with.
"""

import json
import logging
import os
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource


class Recording:
    """An exporter that keeps what the one within came back with."""

    def __init__(self, inner):
        self.inner = inner
        self.results = []

    def export(self, batch, **options):
        result = self.inner.export(batch, **options)
        self.results.append(result.name)
        return result

    def __getattr__(self, name):
        return getattr(self.inner, name)


def main():
    url, authorities, certificate, key = sys.argv[1:5]
    # They would count more than the authorities that are given.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        os.environ.pop(name, None)
    options = {
        "certificate_file": authorities,
        "client_certificate_file": certificate,
        "client_key_file": key,
        "compression": Compression.Gzip if "--gzip" in sys.argv else Compression.NoCompression,
    }
    resource = Resource.create({"service.name": "camera"})

    reader = InMemoryMetricReader()
    views = [View(instrument_name="camera.latency", aggregation=ExponentialBucketHistogramAggregation())]
    meters = MeterProvider([reader], resource=resource, views=views)
    meter = meters.get_meter("camera")
    meter.create_counter("camera.frames", unit="{frame}").add(12, {"lens": "left"})
    meter.create_gauge("camera.temperature", unit="Cel").set(41.5)
    for name in ("camera.latency", "camera.size"):
        histogram = meter.create_histogram(name, unit="s")
        for value in (0.001, 0.002, 0.004, 0.1):
            histogram.record(value)
    metrics = OTLPMetricExporter(endpoint=url + "/v1/metrics", **options).export(reader.get_metrics_data())

    logs = Recording(OTLPLogExporter(endpoint=url + "/v1/logs", **options))
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(SimpleLogRecordProcessor(logs))
    logger = logging.getLogger("camera")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.warning("the lens is <b>dirty</b>")
    provider.shutdown()

    print(json.dumps({"metrics": metrics.name, "logs": logs.results}))


main()

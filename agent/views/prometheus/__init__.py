"""View: /metrics for Prometheus and /healthz."""

from agent.views.prometheus.server import PrometheusView

__all__ = ["PrometheusView"]

#include "common/rpc/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <utility>

#include "common/budget/gate.h"
#include "common/rpc/told.h"

namespace recsae {

void Counter::Increment(double by) const { counter_->Increment(by); }
double Counter::value() const { return counter_->Value(); }

void Gauge::Set(double value) const { gauge_->Set(value); }
void Gauge::Add(double by) const { gauge_->Increment(by); }

void Histogram::Observe(double value) const { histogram_->Observe(value); }

MetricsRegistry::MetricsRegistry() : registry_(std::make_shared<prometheus::Registry>()) {}
MetricsRegistry::~MetricsRegistry() = default;

// The prometheus registry returns the family that it already has under a name, and a family the
// metric that it already has under the same labels.
Counter MetricsRegistry::GetCounter(const std::string& name, const std::string& help,
                                    const Labels& labels) {
  return Counter(
      &prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels));
}

Gauge MetricsRegistry::GetGauge(const std::string& name, const std::string& help,
                                const Labels& labels) {
  return Gauge(&prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels));
}

Histogram MetricsRegistry::GetHistogram(const std::string& name, const std::string& help,
                                        const std::vector<double>& buckets, const Labels& labels) {
  return Histogram(&prometheus::BuildHistogram()
                        .Name(name)
                        .Help(help)
                        .Register(*registry_)
                        .Add(labels, buckets));
}

void MetricsRegistry::OnCollect(std::function<void()> refresh) {
  const std::lock_guard<std::mutex> lock(refresh_mutex_);
  refresh_.push_back(std::move(refresh));
}

std::vector<prometheus::MetricFamily> MetricsRegistry::Collect() const {
  {
    const std::lock_guard<std::mutex> lock(refresh_mutex_);
    for (const std::function<void()>& refresh : refresh_) refresh();
  }
  return registry_->Collect();
}

void AddGateMetrics(MetricsRegistry& metrics, const Gate& gate) {
  const Labels labels = {{"gate", gate.name()}};
  const Gauge running =
      metrics.GetGauge("recsae_calls_running", "Calls that run, by gate.", labels);
  const Gauge waiting =
      metrics.GetGauge("recsae_calls_waiting", "Calls that wait for their turn, by gate.", labels);
  Told rejected(metrics.GetCounter(
      "recsae_calls_rejected_total",
      "Calls that were turned away (OVERLOADED), because as many waited as may or for too long.",
      labels));
  const Gauge callers =
      metrics.GetGauge("recsae_calls_callers", "Callers whose calls run or wait, by gate.", labels);
  Told displaced(metrics.GetCounter(
      "recsae_calls_displaced_total",
      "Calls of those turned away that gave up the place where they waited, as their caller had "
      "more than others.",
      labels));
  metrics.OnCollect([&gate, running, waiting, callers, rejected, displaced]() mutable {
    const Gate::Counts counts = gate.counts();
    running.Set(counts.running);
    waiting.Set(counts.waiting);
    callers.Set(counts.callers);
    rejected.Set(static_cast<double>(counts.rejected));
    displaced.Set(static_cast<double>(counts.displaced));
  });
}

std::vector<double> DurationBuckets() {
  return {.0005, .001, .0025, .005, .01, .025, .1, .5, 2.5, 10, 60};
}

}  // namespace recsae

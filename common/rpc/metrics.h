// Counters, gauges and histograms by name and labels, in one registry that --metrics-listen serves
// to Prometheus. Names follow Prometheus: recsae_<what>_<unit>, and _total for counters.
#ifndef RECSAE_COMMON_RPC_METRICS_H_
#define RECSAE_COMMON_RPC_METRICS_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
struct MetricFamily;
}  // namespace prometheus

namespace recsae {

class Gate;  // common/budget

// Handles: cheap to copy, thread-safe, valid as long as their registry. Look them up once.
class Counter {
 public:
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void Increment(double by = 1) const;
  double value() const;

 private:
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void Set(double value) const;
  void Add(double by) const;

 private:
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void Observe(double value) const;

 private:
  prometheus::Histogram* histogram_;
};

using Labels = std::map<std::string, std::string>;

// The metrics of one process. Thread-safe. Asking again for a name with the same labels returns the
// same metric. Label values must come from a small fixed set.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  Counter GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `buckets`: upper bounds, ascending.
  Histogram GetHistogram(const std::string& name, const std::string& help,
                         const std::vector<double>& buckets, const Labels& labels = {});

  // For values that are had when they are asked for: `refresh` sets its gauges before each Collect,
  // in the thread that collects. It is quick, may ask for metrics but calls neither OnCollect nor
  // Collect, and what it uses lives as long as anyone collects.
  void OnCollect(std::function<void()> refresh);
  // All metrics, refreshed: for whoever serves them.
  std::vector<prometheus::MetricFamily> Collect() const;

  // The metrics as they were last set.
  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  mutable std::mutex refresh_mutex_;  // held while they run
  std::vector<std::function<void()>> refresh_;
};

// recsae_calls_running{gate}, recsae_calls_waiting{gate}, recsae_calls_rejected_total{gate}, looked
// up when they are asked for. `gate` lives as long as `metrics` is collected.
void AddGateMetrics(MetricsRegistry& metrics, const Gate& gate);

// Upper bounds from 500 µs to 60 s, for durations of calls in seconds.
std::vector<double> DurationBuckets();

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_METRICS_H_

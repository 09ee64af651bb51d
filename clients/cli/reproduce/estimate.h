// A quantity measured with several seeds: mean and spread, and how they are written.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_ESTIMATE_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_ESTIMATE_H_

#include <string>
#include <vector>

namespace recsae::cli {

struct Estimate {
  int count = 0;
  double mean = 0;
  // Standard deviation of the sample (n - 1); 0 for a single value.
  double spread = 0;
};

// All zero without values.
Estimate Summarise(const std::vector<double>& values);

// How a quantity is written.
struct Format {
  int decimals = 4;
  // As a share of 100, with " %".
  bool percent = false;
};

// "0.1787", "0.1787 ± 0.0032" for several values, "96.8 ± 0.8 %".
std::string FormatEstimate(const Estimate& estimate, const Format& format);
std::string FormatValue(double value, const Format& format);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_ESTIMATE_H_

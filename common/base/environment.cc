#include "common/base/environment.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace recsae {
namespace {

// Insertions, deletions and replacements that make b of a.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j - 1] + 1, above + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// Read by the client, or by some of the servers.
constexpr const char* kOtherVariables[] = {
    "RECSAE_CONFIG",        "RECSAE_DATA_DIR",    "RECSAE_SERVER",        "RECSAE_PROBE",
    "RECSAE_TRAINER",       "RECSAE_EXPLAINER",   "RECSAE_CONCEPT_STORE", "RECSAE_DATA",
    "RECSAE_ROW_CACHE_MIB", "RECSAE_JOB_WORKERS", "RECSAE_TLS_CA",        "RECSAE_TOKEN_FILE"};

// Names of the process's environment.
std::vector<std::string> VariableNames() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view text(*entry);
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MisspeltVariables(
    const std::vector<std::string>& variables, const std::vector<std::string>& known) {
  constexpr size_t kFar = 3;
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string& variable : variables) {
    const bool of_service = absl::StrContains(variable, "_SERVICE_") ||
                            absl::StrContains(variable, "_PORT_") ||
                            absl::EndsWith(variable, "_PORT");
    if (!absl::StartsWith(variable, "RECSAE_") || of_service ||
        std::find(known.begin(), known.end(), variable) != known.end()) {
      continue;
    }
    size_t least = kFar;
    std::string nearest;
    for (const std::string& name : known) {
      const size_t distance = EditDistance(variable, name);
      if (distance >= least) continue;
      least = distance;
      nearest = name;
    }
    if (!nearest.empty()) found.emplace_back(variable, nearest);
  }
  return found;
}

std::vector<std::string> DoubtfulVariables(std::vector<std::string> known) {
  known.insert(known.end(), std::begin(kOtherVariables), std::end(kOtherVariables));
  std::vector<std::string> doubts;
  for (const auto& [variable, meant] : MisspeltVariables(VariableNames(), known)) {
    doubts.push_back(absl::StrCat("the environment has ", variable, ", which nothing reads; is ",
                                  meant, " meant?"));
  }
  return doubts;
}

}  // namespace recsae

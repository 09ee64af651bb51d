// A sample's rows, written in a dictionary.
#ifndef SERVICES_EXPLAINER_EVIDENCE_CODED_SAMPLE_H_
#define SERVICES_EXPLAINER_EVIDENCE_CODED_SAMPLE_H_

#include <array>
#include <cstddef>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/dictionary.h"
#include "services/explainer/evidence/sample.h"

namespace recsae::explainer {

// Rows of all roles and their codes.
struct CodedSample {
  const Sample* sample = nullptr;
  std::array<sae::SparseCodes, kRoles> codes;

  const SampledRows& rows(Role role) const { return sample->Of(role); }
  const sae::SparseCodes& of(Role role) const { return codes[static_cast<size_t>(role)]; }
};

// `sample` outlives what is returned.
absl::StatusOr<CodedSample> CodeSample(const Sample& sample, const Dictionary& dictionary,
                                       Alive alive);

// Fraction of variance unexplained, on the users who are measured.
double Fvu(const CodedSample& coded, const Dictionary& dictionary);

// Latents that are not 0 on some row of these users.
int ActiveLatents(const CodedSample& coded, int latents);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_CODED_SAMPLE_H_

#include "services/concept-store/store/validation.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::concept_store {
namespace {

// 9999-12-31T23:59:59Z, the last that a Timestamp can say.
constexpr int64_t kLastSecond = 253402300799;
constexpr char kCapturePattern[] = "recommenders/{recommender}/captures/{capture}";

// Adds the faults of single values; `prefix` is the path of the message that holds them.
class Checker {
 public:
  Checker(BadRequest* bad, std::string prefix) : bad_(bad), prefix_(std::move(prefix)) {}

  void Text(absl::string_view name, const std::string& value, size_t max_bytes) {
    if (value.size() > max_bytes) {
      Add(name, absl::StrCat("must be at most ", max_bytes, " bytes, is ", value.size()));
    } else if (!IsUtf8(value)) {
      Add(name, "must be UTF-8");
    }
  }
  void Count(absl::string_view name, int64_t value) {
    if (value < 0) Add(name, absl::StrCat("must not be negative, is ", value));
  }
  void InRange(absl::string_view name, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
      Add(name, absl::StrCat("must be ", low, " to ", high, ", is ", value));
    }
  }
  void Finite(absl::string_view name, double value) {
    if (!std::isfinite(value)) Add(name, absl::StrCat("must be finite, is ", value));
  }
  // A share: 0 to 1; NaN is neither.
  void Share(absl::string_view name, double value) {
    if (!(value >= 0 && value <= 1)) Add(name, absl::StrCat("must be 0 to 1, is ", value));
  }
  void AtMost(absl::string_view name, int size, int max) {
    if (size > max) Add(name, absl::StrCat("must hold at most ", max, " elements, holds ", size));
  }
  void Capture(absl::string_view name, const std::string& value) {
    if (!value.empty()) bad_->Add(Path(name), ParseName(value, kCapturePattern).status());
  }
  void Add(absl::string_view name, absl::string_view fault) { bad_->Add(Path(name), fault); }

 private:
  std::string Path(absl::string_view name) const {
    if (prefix_.empty()) return std::string(name);
    return absl::StrCat(prefix_, ".", name);
  }

  BadRequest* bad_;
  std::string prefix_;
};

void CheckReport(const v1::TrainingReport& report, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  check.Count("row_count", report.row_count());
  check.Count("epoch_count", report.epoch_count());
  check.Count("step_count", report.step_count());
  check.Finite("seconds", report.seconds());
  check.Finite("fvu", report.fvu());
  check.Finite("l0", report.l0());
  check.Share("dead_fraction", report.dead_fraction());
  check.Count("distinct_row_count", report.distinct_row_count());
  check.AtMost("warnings", report.warnings_size(), kMaxWarnings);
  for (int i = 0; i < std::min(report.warnings_size(), kMaxWarnings); ++i) {
    const std::string name = absl::StrCat("warnings[", i, "]");
    if (report.warnings(i).empty()) check.Add(name, "must not be empty");
    check.Text(name, report.warnings(i), kMaxWarningBytes);
  }
}

void CheckTerms(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad) {
  Checker(bad, field).AtMost("terms", latent_concept.terms_size(), kMaxTerms);
  for (int i = 0; i < std::min(latent_concept.terms_size(), kMaxTerms); ++i) {
    const v1::Term& term = latent_concept.terms(i);
    Checker check(bad, absl::StrCat(field, ".terms[", i, "]"));
    if (term.text().empty()) check.Add("text", "must not be empty");
    check.Text("text", term.text(), kMaxTermBytes);
    check.Text("kind", term.kind(), kMaxTermBytes);
    check.Finite("weight", term.weight());
  }
}

void CheckPaperScore(const v1::PaperScore& score, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  check.Share("confidence", score.confidence());
  check.Share("precision", score.precision());
  check.Share("recall", score.recall());
  check.Count("positive_count", score.positive_count());
  check.Count("negative_count", score.negative_count());
  check.Text("description", score.description(), kMaxDescriptionBytes);
}

// A correlation or cosine, with room for rounding; NaN is none.
void CheckCorrelations(Checker& check,
                       std::initializer_list<std::pair<absl::string_view, double>> values) {
  for (const auto& [name, value] : values) {
    if (!(value >= -1.0001 && value <= 1.0001)) {
      check.Add(name, absl::StrCat("must be -1 to 1, is ", value));
    }
  }
}

void CheckPredictive(const v1::PredictiveTest& test, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  CheckCorrelations(check, {{"correlation", test.correlation()},
                            {"correlation_low", test.correlation_low()},
                            {"correlation_high", test.correlation_high()},
                            {"null_correlation", test.null_correlation()}});
  check.Share("average_precision", test.average_precision());
  check.Share("prevalence", test.prevalence());
  check.Share("p_value", test.p_value());
  check.Share("q_value", test.q_value());
  check.Count("user_count", test.user_count());
  check.Count("row_count", test.row_count());
}

void CheckCausal(const v1::CausalTest& test, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  check.Share("share", test.share());
  check.Share("raised_share", test.raised_share());
  check.Share("control_share", test.control_share());
  check.Finite("effect_low", test.effect_low());
  check.Share("removed_share", test.removed_share());
  check.Share("firing_share", test.firing_share());
  check.Share("removed_control_share", test.removed_control_share());
  check.Finite("removal_low", test.removal_low());
  check.Share("pair_share", test.pair_share());
  check.Count("user_count", test.user_count());
  check.Count("pair_count", test.pair_count());
}

void CheckTests(const v1::ConceptTests& tests, const std::string& field, BadRequest* bad) {
  CheckPredictive(tests.predictive(), absl::StrCat(field, ".predictive"), bad);
  Checker specific(bad, absl::StrCat(field, ".specific"));
  CheckCorrelations(specific, {{"correlation", tests.specific().correlation()},
                               {"nearest_correlation", tests.specific().nearest_correlation()}});
  specific.Finite("difference_low", tests.specific().difference_low());
  specific.Count("neighbour_count", tests.specific().neighbour_count());
  CheckCausal(tests.causal(), absl::StrCat(field, ".causal"), bad);
  const std::string stable = absl::StrCat(field, ".stable");
  Checker(bad, stable).AtMost("matches", tests.stable().matches_size(), kMaxMatches);
  for (int i = 0; i < std::min(tests.stable().matches_size(), kMaxMatches); ++i) {
    Checker check(bad, absl::StrCat(stable, ".matches[", i, "]"));
    check.Text("sae", tests.stable().matches(i).sae(), kMaxRecordBytes);
    CheckCorrelations(check, {{"cosine", tests.stable().matches(i).cosine()}});
  }
}

void CheckGroup(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad) {
  if (!latent_concept.has_group()) return;
  Checker check(bad, absl::StrCat(field, ".group"));
  check.InRange("lead_latent", latent_concept.group().lead_latent(), 0, kMaxLatents - 1);
  check.InRange("size", latent_concept.group().size(), 1, kMaxLatents);
}

void CheckStatistics(const v1::LatentStatistics& statistics, const std::string& field,
                     BadRequest* bad) {
  Checker check(bad, field);
  check.Count("row_count", statistics.row_count());
  check.Count("active_row_count", statistics.active_row_count());
  if (statistics.active_row_count() > statistics.row_count()) {
    check.Add("active_row_count",
              absl::StrCat("must be at most row_count (", statistics.row_count(), "), is ",
                           statistics.active_row_count()));
  }
  check.Finite("mean", statistics.mean());
  check.Finite("standard_deviation", statistics.standard_deviation());
  check.Finite("max", statistics.max());
  check.AtMost("level_thresholds", statistics.level_thresholds_size(), kMaxLevels);
  for (const double threshold : statistics.level_thresholds()) {
    check.Finite("level_thresholds", threshold);
  }
  if (!std::is_sorted(statistics.level_thresholds().begin(), statistics.level_thresholds().end())) {
    check.Add("level_thresholds", "must not fall");
  }
}

void CheckEvidence(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad) {
  Checker(bad, field).AtMost("evidence", latent_concept.evidence_size(), kMaxEvidence);
  for (int i = 0; i < std::min(latent_concept.evidence_size(), kMaxEvidence); ++i) {
    const v1::Evidence& evidence = latent_concept.evidence(i);
    Checker check(bad, absl::StrCat(field, ".evidence[", i, "]"));
    check.Capture("capture", evidence.capture());
    check.Count("row", evidence.row());
    check.Finite("activation", evidence.activation());
    check.InRange("level", evidence.level(), 1, kMaxLevels + 1);
    check.Text("recommended_item_id", evidence.recommended_item_id(), kMaxRecordBytes);
    for (const std::string& item : evidence.history_item_ids()) {
      check.Text("history_item_ids", item, kMaxRecordBytes);
    }
  }
}

void CheckJudged(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad) {
  Checker(bad, field).AtMost("descriptions", latent_concept.descriptions_size(), kMaxJudged);
  for (int i = 0; i < std::min(latent_concept.descriptions_size(), kMaxJudged); ++i) {
    const v1::JudgedDescription& judged = latent_concept.descriptions(i);
    Checker check(bad, absl::StrCat(field, ".descriptions[", i, "]"));
    check.Text("text", judged.text(), kMaxDescriptionBytes);
    check.Text("model", judged.model(), kMaxTermBytes);
    check.Text("prompt_hash", judged.prompt_hash(), kMaxTermBytes);
    if (!v1::Concept::Source_IsValid(judged.author())) {
      check.Add("author", absl::StrCat("is no known source: ", static_cast<int>(judged.author())));
    }
    check.Share("score", judged.score());
    check.Share("precision", judged.precision());
    check.Share("recall", judged.recall());
    check.Count("positive_count", judged.positive_count());
    check.Count("negative_count", judged.negative_count());
  }
}

void CheckSize(size_t bytes, const std::string& field, BadRequest* bad) {
  if (bytes > kMaxRecordBytes) {
    bad->Add(field, absl::StrCat("must be at most ", kMaxRecordBytes, " bytes in all, is ", bytes));
  }
}

// A field that an update may name.
struct UpdatableField {
  absl::string_view path;
  void (*copy)(const v1::Concept& from, v1::Concept* to);
};

constexpr UpdatableField kUpdatableFields[] = {
    {"description",
     [](const v1::Concept& from, v1::Concept* to) { to->set_description(from.description()); }},
    {"terms",
     [](const v1::Concept& from, v1::Concept* to) { *to->mutable_terms() = from.terms(); }},
    {"source", [](const v1::Concept& from, v1::Concept* to) { to->set_source(from.source()); }},
    {"paper_score",
     [](const v1::Concept& from, v1::Concept* to) {
       to->clear_paper_score();
       if (from.has_paper_score()) *to->mutable_paper_score() = from.paper_score();
     }},
    {"tests",
     [](const v1::Concept& from, v1::Concept* to) {
       to->clear_tests();
       if (from.has_tests()) *to->mutable_tests() = from.tests();
     }},
    {"group",
     [](const v1::Concept& from, v1::Concept* to) {
       to->clear_group();
       if (from.has_group()) *to->mutable_group() = from.group();
     }},
    {"statistics",
     [](const v1::Concept& from, v1::Concept* to) {
       to->clear_statistics();
       if (from.has_statistics()) *to->mutable_statistics() = from.statistics();
     }},
    {"descriptions", [](const v1::Concept& from,
                        v1::Concept* to) { *to->mutable_descriptions() = from.descriptions(); }},
    {"evidence",
     [](const v1::Concept& from, v1::Concept* to) { *to->mutable_evidence() = from.evidence(); }},
};

const UpdatableField* FindField(absl::string_view path) {
  const auto* const field =
      std::find_if(std::begin(kUpdatableFields), std::end(kUpdatableFields),
                   [&](const UpdatableField& candidate) { return candidate.path == path; });
  return field == std::end(kUpdatableFields) ? nullptr : field;
}

bool MaskNames(const v1::UpdateConceptRequest& request, absl::string_view path) {
  const auto& paths = request.update_mask().paths();
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& candidate) { return path == candidate; });
}

}  // namespace

void CheckSae(const v1::Sae& sae, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  check.InRange("activation_dim", sae.activation_dim(), 1, kMaxActivationDim);
  check.InRange("latent_count", sae.latent_count(), 1, kMaxLatents);
  check.InRange("k", sae.k(), 1, std::max(1, sae.latent_count()));
  if (!v1::Sae::Architecture_IsValid(sae.architecture()) ||
      sae.architecture() == v1::Sae::ARCHITECTURE_UNSPECIFIED) {
    check.Add("architecture", absl::StrCat("must be a known architecture, is ",
                                           static_cast<int>(sae.architecture())));
  }
  if (!(sae.scale() > 0) || !std::isfinite(sae.scale())) {
    check.Add("scale", absl::StrCat("must be above 0 and finite, is ", sae.scale()));
  }
  check.Capture("capture", sae.capture());
  check.Text("recommender_uid", sae.recommender_uid(), kMaxUidBytes);
  check.Text("capture_uid", sae.capture_uid(), kMaxUidBytes);
  CheckReport(sae.report(), absl::StrCat(field, ".report"), bad);
  CheckSize(sae.ByteSizeLong(), field, bad);
}

void CheckConcept(const v1::Concept& latent_concept, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  check.Text("description", latent_concept.description(), kMaxDescriptionBytes);
  if (!v1::Concept::Source_IsValid(latent_concept.source())) {
    check.Add("source",
              absl::StrCat("is no known source: ", static_cast<int>(latent_concept.source())));
  }
  CheckTerms(latent_concept, field, bad);
  CheckPaperScore(latent_concept.paper_score(), absl::StrCat(field, ".paper_score"), bad);
  CheckTests(latent_concept.tests(), absl::StrCat(field, ".tests"), bad);
  CheckGroup(latent_concept, field, bad);
  CheckStatistics(latent_concept.statistics(), absl::StrCat(field, ".statistics"), bad);
  CheckEvidence(latent_concept, field, bad);
  CheckJudged(latent_concept, field, bad);
  CheckSize(latent_concept.ByteSizeLong(), field, bad);
}

void CheckUserId(const std::string& user_id, const std::string& field, BadRequest* bad) {
  if (user_id.empty() || user_id.size() > kMaxUserIdBytes) {
    bad->Add(field, absl::StrCat("must be 1 to ", kMaxUserIdBytes, " bytes, is ", user_id.size()));
  } else if (user_id.find('\0') != std::string::npos) {
    bad->Add(field, "must not hold a zero byte");
  }
}

void CheckControl(const v1::Control& control, const std::string& field, BadRequest* bad) {
  Checker check(bad, field);
  CheckUserId(control.user_id(), absl::StrCat(field, ".user_id"), bad);
  check.InRange("lead_latent", control.lead_latent(), 0, kMaxLatents - 1);
  const bool never = control.polarity() == v1::Control::POLARITY_NEVER;
  if (!v1::Control::Polarity_IsValid(control.polarity()) ||
      control.polarity() == v1::Control::POLARITY_UNSPECIFIED) {
    check.Add("polarity", absl::StrCat("must be MORE, LESS or NEVER, is ",
                                       static_cast<int>(control.polarity())));
  }
  if (!(control.strength() >= 0 && control.strength() <= kMaxStrength)) {
    check.Add("strength", absl::StrCat("must be 0 to ", kMaxStrength, ", is ", control.strength()));
  } else if (never && control.strength() != 0) {
    check.Add("strength", "must not be given for POLARITY_NEVER, which has no degree");
  }
  const auto& end = control.expire_time();
  if (end.seconds() > kLastSecond || end.nanos() < 0 || end.nanos() > 999'999'999) {
    check.Add("expire_time", "must be a time up to the year 9999");
  }
}

void CheckUpdateMask(const v1::UpdateConceptRequest& request, BadRequest* bad) {
  std::string known;
  for (const UpdatableField& field : kUpdatableFields) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", field.path);
  }
  if (request.update_mask().paths().empty()) {
    bad->Add("update_mask", absl::StrCat("must name at least one of: ", known));
  }
  for (const std::string& path : request.update_mask().paths()) {
    if (FindField(path) == nullptr) {
      bad->Add("update_mask", absl::StrCat("\"", path, "\" is not one of: ", known));
    }
  }
}

void ApplyUpdate(const v1::UpdateConceptRequest& request, v1::Concept* latent_concept) {
  for (const std::string& path : request.update_mask().paths()) {
    FindField(path)->copy(request.latent_concept(), latent_concept);
  }
  if (MaskNames(request, "description") && !MaskNames(request, "source")) {
    latent_concept->set_source(v1::Concept::SOURCE_PERSON);
  }
}

void RefreshMeasurements(const v1::Concept& measured, v1::Concept* latent_concept) {
  for (const char* path :
       {"paper_score", "tests", "group", "statistics", "evidence", "descriptions"}) {
    FindField(path)->copy(measured, latent_concept);
  }
}

}  // namespace recsae::concept_store

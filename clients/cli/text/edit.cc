#include "clients/cli/text/edit.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {
namespace {

absl::Status Malformed(absl::string_view text, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "EDIT_MALFORMED",
               absl::StrCat("edit '", text, "': ", what,
                            "; write for example 'horror:+4', '#17:-4', '#17:x10', '#17:=2' or "
                            "'horror:off'"),
               {{"edit", std::string(text)}});
}

bool ParseNumber(absl::string_view text, double* value) {
  return !text.empty() && absl::SimpleAtod(text, value) && std::isfinite(*value);
}

// Sets target; empty = fine, else what is wrong.
std::string ReadTarget(absl::string_view what, int max_latents, explainer::v1::Edit& edit) {
  if (what.empty()) return "the latent or the words before ':' are missing";
  if (what.front() != '#' && what.front() != '@') {
    edit.set_text(std::string(what));
    edit.set_max_latents(max_latents);
    return "";
  }
  int32_t latent = 0;
  if (!absl::SimpleAtoi(what.substr(1), &latent) || latent < 0) {
    return absl::StrCat("'", what, "' is not a latent's number");
  }
  if (what.front() == '@') {
    edit.set_group(latent);
  } else {
    edit.set_latent(latent);
  }
  return "";
}

std::string ReadOperation(absl::string_view how, explainer::v1::Edit& edit) {
  if (absl::EqualsIgnoreCase(how, "off")) {
    edit.set_remove(true);
    return "";
  }
  constexpr absl::string_view kPush = "push";
  if (absl::StartsWithIgnoreCase(how, kPush)) {
    double value = 0;
    if (ParseNumber(how.substr(kPush.size()), &value)) {
      edit.set_push(value);
      return "";
    }
  }
  const char kind = how.empty() ? '\0' : how.front();
  double value = 0;
  if ((kind == '+' || kind == '-') && ParseNumber(how, &value)) {
    edit.set_add(value);
    return "";
  }
  if ((kind == 'x' || kind == '*') && ParseNumber(how.substr(1), &value)) {
    edit.set_scale(value);
    return "";
  }
  if (kind == '=' && ParseNumber(how.substr(1), &value)) {
    if (value < 0) return absl::StrCat("'", how, "' sets an activation below 0");
    edit.set_set(value);
    return "";
  }
  return absl::StrCat("'", how, "' is none of +NUMBER, -NUMBER, xNUMBER, =NUMBER, pushNUMBER, off");
}

}  // namespace

absl::StatusOr<explainer::v1::Edit> ParseEdit(absl::string_view text, int max_latents) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return Malformed(text, "no ':' between what to change and how");
  }
  explainer::v1::Edit edit;
  std::string problem =
      ReadTarget(absl::StripAsciiWhitespace(text.substr(0, colon)), max_latents, edit);
  if (problem.empty()) {
    problem = ReadOperation(absl::StripAsciiWhitespace(text.substr(colon + 1)), edit);
  }
  if (!problem.empty()) return Malformed(text, problem);
  return edit;
}

std::string FormatEdit(const explainer::v1::Edit& edit) {
  std::string what = absl::StrCat("#", edit.latent());
  if (edit.has_text()) what = edit.text();
  if (edit.has_group()) what = absl::StrCat("@", edit.group());
  switch (edit.operation_case()) {
    case explainer::v1::Edit::kScale:
      return absl::StrCat(what, ":x", edit.scale());
    case explainer::v1::Edit::kAdd:
      return absl::StrCat(what, ":", edit.add() < 0 ? "" : "+", edit.add());
    case explainer::v1::Edit::kSet:
      return absl::StrCat(what, ":=", edit.set());
    case explainer::v1::Edit::kPush:
      return absl::StrCat(what, ":push", edit.push());
    case explainer::v1::Edit::kRemove:
      return absl::StrCat(what, ":off");
    case explainer::v1::Edit::OPERATION_NOT_SET:
      break;
  }
  return what;
}

}  // namespace recsae::cli

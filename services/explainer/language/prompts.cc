#include "services/explainer/language/prompts.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::explainer {
namespace {

constexpr size_t kMaxPromptBytes = 65536;

constexpr char kDescribe[] = R"([system]
You name what a hidden feature of a recommender system stands for. You see users' cases: what a user chose last, and what the system then recommended. Say in one short phrase of at most twelve words what the cases where the feature is active have in common and the other cases do not have. Answer with the phrase alone.
[user]
The feature is active, from 1 (weakly) to 10 (strongly), in these cases:
level 9: chose Tin Rocket (Sci-Fi, 1950s); Moon Diggers (Sci-Fi, 1960s) -> recommended The Third Planet (Sci-Fi, 1950s)
level 7: chose Dr. Vane's Ray (Sci-Fi, 1950s); Garden of Two (Romance, 1990s) -> recommended Saucer Town (Sci-Fi, 1950s)
It is not active in these, although they are alike:
chose Moon Diggers (Sci-Fi, 1960s); Neon Sky (Sci-Fi, 1990s) -> recommended Deep Orbit (Sci-Fi, 1990s)
[assistant]
science fiction of the 1950s
[user]
The feature is active, from 1 (weakly) to 10 (strongly), in these cases:
{{active}}
It is not active in these, although they are alike:
{{inactive}}
)";

constexpr char kDetect[] = R"([system]
A hidden feature of a recommender system is active in some of a user's cases. You get a description of the feature and a numbered list of cases. Say in which of them it is active. Answer with their numbers alone, separated by commas, or with: none.
[user]
Description: science fiction of the 1950s
1. chose Garden of Two (Romance, 1990s) -> recommended Two Letters (Romance, 1990s)
2. chose Tin Rocket (Sci-Fi, 1950s) -> recommended The Third Planet (Sci-Fi, 1950s)
3. chose Moon Diggers (Sci-Fi, 1960s) -> recommended Saucer Town (Sci-Fi, 1950s)
4. chose Long Trail (Western, 1950s) -> recommended Dust (Western, 1960s)
[assistant]
2, 3
[user]
Description: {{description}}
{{cases}}
)";

constexpr char kLevel[] = R"([system]
A hidden feature of a recommender system reacts to a user's case. You get a description of the feature and one case. Say how strongly the feature reacts to the case, as a whole number from 0 (not at all) to 10 (as strongly as it can). Answer with the number alone.
[user]
Description: science fiction of the 1950s
Case: chose Tin Rocket (Sci-Fi, 1950s); Moon Diggers (Sci-Fi, 1960s) -> recommended The Third Planet (Sci-Fi, 1950s)
[assistant]
9
[user]
Description: {{description}}
Case: {{case}}
)";

absl::Status Invalid(absl::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, "PROMPT_INVALID", problem);
}

// The text of `name`.txt in the folder, or else our own.
absl::StatusOr<std::string> TextOf(const std::string& folder, const std::string& name,
                                   const char* own) {
  if (folder.empty()) return std::string(own);
  const std::filesystem::path path = std::filesystem::path(folder) / (name + ".txt");
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::string(own);
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxPromptBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.empty() || file.bad()) return Invalid(absl::StrCat(path.string(), " cannot be read"));
  if (text.size() > kMaxPromptBytes || !IsUtf8(text)) {
    return Invalid(
        absl::StrCat(path.string(), " must be UTF-8 of at most ", kMaxPromptBytes, " bytes"));
  }
  return text;
}

absl::StatusOr<PromptTemplate> Load(const std::string& folder, const std::string& name,
                                    const char* own, const std::vector<std::string>& names,
                                    Sha256& hash) {
  RECSAE_ASSIGN_OR_RETURN(const std::string text, TextOf(folder, name, own));
  hash.Update(absl::StrCat(name, "\n", text.size(), "\n", text));
  absl::StatusOr<PromptTemplate> prompt = PromptTemplate::Parse(text, names);
  if (!prompt.ok()) return Annotate(prompt.status(), absl::StrCat(folder, "/", name, ".txt"));
  return prompt;
}

}  // namespace

absl::StatusOr<PromptTemplate> PromptTemplate::Parse(absl::string_view text,
                                                     const std::vector<std::string>& names) {
  PromptTemplate prompt;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view head = absl::StripAsciiWhitespace(line);
    if (head == "[system]" || head == "[user]" || head == "[assistant]") {
      prompt.messages_.push_back({std::string(head.substr(1, head.size() - 2)), ""});
    } else if (!prompt.messages_.empty()) {
      absl::StrAppend(&prompt.messages_.back().content, line, "\n");
    } else if (!head.empty()) {
      return Invalid("its first line must be [system] or [user]");
    }
  }
  std::string all;
  for (ChatMessage& message : prompt.messages_) {
    absl::StripAsciiWhitespace(&message.content);
    all += message.content;
  }
  if (prompt.messages_.empty() || prompt.messages_.back().role != "user") {
    return Invalid("its last message must be one of [user]");
  }
  for (const std::string& name : names) {
    if (all.find(absl::StrCat("{{", name, "}}")) == std::string::npos) {
      return Invalid(absl::StrCat("{{", name, "}} must stand in it"));
    }
  }
  return prompt;
}

std::vector<ChatMessage> PromptTemplate::Fill(
    const std::vector<std::pair<std::string, std::string>>& values) const {
  std::vector<ChatMessage> filled;
  for (const ChatMessage& message : messages_) {
    std::string text;
    absl::string_view rest = message.content;
    while (!rest.empty()) {
      const size_t at = rest.find("{{");
      absl::StrAppend(&text, rest.substr(0, at));
      if (at == absl::string_view::npos) break;
      rest.remove_prefix(at);
      const auto value = std::find_if(values.begin(), values.end(), [&](const auto& candidate) {
        return absl::ConsumePrefix(&rest, absl::StrCat("{{", candidate.first, "}}"));
      });
      if (value != values.end()) {
        text += value->second;
      } else {
        text += "{{";
        rest.remove_prefix(2);
      }
    }
    filled.push_back({message.role, std::move(text)});
  }
  return filled;
}

absl::StatusOr<Prompts> LoadPrompts(const std::string& folder) {
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return Invalid(absl::StrCat("--llm-prompts ", folder, " is no folder"));
  }
  Sha256 hash;
  Prompts prompts;
  RECSAE_ASSIGN_OR_RETURN(prompts.describe,
                          Load(folder, "describe", kDescribe, {"active", "inactive"}, hash));
  RECSAE_ASSIGN_OR_RETURN(prompts.detect,
                          Load(folder, "detect", kDetect, {"description", "cases"}, hash));
  RECSAE_ASSIGN_OR_RETURN(prompts.level,
                          Load(folder, "level", kLevel, {"description", "case"}, hash));
  prompts.hash = hash.Hex();
  return prompts;
}

}  // namespace recsae::explainer

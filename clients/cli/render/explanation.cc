#include "clients/cli/render/explanation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/render/concepts.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::ActiveGroup;
using explainer::v1::ActiveLatent;
using explainer::v1::ExplainedItem;
using explainer::v1::Explanation;
using explainer::v1::SteeredItem;

// Descriptions beside numbers; in full: recsae concepts get.
constexpr int kLabelWidth = 60;

Color SignColor(double value) { return value < 0 ? Color::kRed : Color::kGreen; }

// Places of the parts that are largest by size, at most `count`.
std::vector<int> Largest(const google::protobuf::RepeatedField<double>& parts, int count) {
  std::vector<int> order(static_cast<size_t>(parts.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return std::abs(parts.Get(a)) > std::abs(parts.Get(b)); });
  order.resize(std::min<size_t>(order.size(), std::max(0, count)));
  return order;
}

// Places of the `count` groups that the item's rank hangs on most.
std::vector<int> Deciding(const ExplainedItem& item, int count) {
  std::vector<int> order(static_cast<size_t>(item.personal().groups_size()));
  std::iota(order.begin(), order.end(), 0);
  const auto raises = [&](int place) { return item.personal().groups(place) > 0; };
  const auto margin = [&](int place) {
    return place < item.group_margins_size() ? item.group_margins(place) : 0;
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return std::pair(raises(a), margin(a)) > std::pair(raises(b), margin(b));
  });
  order.resize(std::min<size_t>(order.size(), std::max(0, count)));
  return order;
}

std::string Title(const std::string& title, const std::string& id) {
  return title.empty() ? id : title;
}

// Where an item of one list is in the other; `gone` if it is not there.
Cell Move(int rank, int other_rank, const char* gone) {
  if (other_rank == 0) return {gone, Color::kYellow};
  if (other_rank == rank) return {"=", Color::kDim};
  return {absl::StrCat(other_rank), Color::kPlain};
}

Cell CameFrom(int rank, int other_rank) {
  if (other_rank == 0) return {"new", Color::kGreen};
  if (other_rank == rank) return {"=", Color::kDim};
  const bool up = other_rank > rank;
  return {absl::StrCat(up ? "▲" : "▼", " ", std::abs(other_rank - rank)),
          up ? Color::kGreen : Color::kRed};
}

// Whether the reconstruction is nearer to the activation than 0 is.
bool Explains(const Explanation& explanation) { return explanation.relative_error() < 1; }

// A description that tells next to nothing of when the latent fires is no reason to be read as one.
Color Trust(double correlation) {
  constexpr double kTold = 0.2;
  return correlation < kTold ? Color::kDim : Color::kPlain;
}

Cell LevelCell(int level) {
  constexpr double kLevels = 10;
  if (level == 0) return "";
  return {absl::StrCat(Bar(level / kLevels, 5), PadLeft(absl::StrCat(level), 3)), Color::kCyan};
}

}  // namespace

std::string ShareExplained(const Explanation& explanation) {
  constexpr double kFarthestShown = 1000;
  if (Explains(explanation)) {
    return absl::StrCat(FormatPercent(1 - explanation.relative_error()),
                        " of the activation is in these concepts:");
  }
  const double times = std::sqrt(explanation.relative_error());
  return absl::StrCat("The SAE does not explain this activation: its reconstruction is off by ",
                      times < kFarthestShown ? absl::StrCat(FormatFixed(times, 1), " times")
                                             : std::string("more than 1,000 times"),
                      " the activation's length. Active, but of little meaning:");
}

std::string LatentLabel(int latent, const std::string& description) {
  if (description.empty()) return absl::StrCat("#", latent);
  return absl::StrCat("#", latent, " ", Truncate(Clean(description), kLabelWidth));
}

Table ActiveLatents(const Explanation& explanation) {
  Table table({{"LATENT", true},
               {"ACTIVATION", true},
               {"LEVEL"},
               {"CORRELATION", true},
               {"CONCEPT", false, true}});
  for (const ActiveLatent& latent : explanation.latents()) {
    table.Add({absl::StrCat("#", latent.latent()), FormatNumber(latent.activation()),
               LevelCell(latent.level()), CorrelationCell(latent.correlation(), latent.verified()),
               latent.description()});
  }
  return table;
}

Table ActiveGroups(const Explanation& explanation) {
  Table table({{"CONCEPT", false, true}, {"CORRELATION", true}, {"LEVEL"}, {"LATENTS"}});
  for (const ActiveGroup& group : explanation.groups()) {
    std::vector<std::string> numbers;
    int level = 0;
    for (const int place : group.latents()) {
      if (place < 0 || place >= explanation.latents_size()) continue;
      numbers.push_back(absl::StrCat("#", explanation.latents(place).latent()));
      level = std::max(level, explanation.latents(place).level());
    }
    const Color trust = Explains(explanation) ? Trust(group.correlation()) : Color::kDim;
    table.Add({{group.description(), trust},
               CorrelationCell(group.correlation(), group.verified()),
               LevelCell(level),
               {absl::StrJoin(numbers, " "), Color::kDim}});
  }
  return table;
}

Table ReasonSentences(const Explanation& explanation, const std::set<std::string>& left_out) {
  Table table({{"#", true}, {"ITEM", false, true}, {"WHY", false, true}});
  for (const ExplainedItem& item : explanation.items()) {
    const std::string& why = item.has_contrast() ? item.contrast().sentence() : item.sentence();
    if (left_out.count(item.item_id()) > 0 || why.empty()) continue;
    table.Add({{item.rank() > 0 ? absl::StrCat(item.rank()) : "", Color::kDim},
               {Title(item.title(), item.item_id()), Color::kBold},
               why});
  }
  return table;
}

std::string ReasonNote(const Explanation& explanation) {
  switch (explanation.reason_method()) {
    case explainer::v1::REASON_METHOD_LEAVE_ONE_OUT:
      return absl::StrCat(
          "Effects of history items: the recommender run again without each",
          explanation.unweighed_count() > 0
              ? absl::StrCat("; ", explanation.unweighed_count(), " older ones are not weighed")
              : "",
          ".");
    case explainer::v1::REASON_METHOD_INFLUENCE:
      return absl::StrCat(
          "Effects of training items: what training would make of the user's vector without each, "
          "to first order; together they tell ",
          FormatPercent(explanation.reason_fit()), " of it.");
    default:
      return "";
  }
}

Table PersonalItems(const Explanation& explanation, const std::set<std::string>& left_out,
                    int concepts) {
  constexpr int kReasons = 3;
  Table table({{"#", true},
               {"ITEM", false, true},
               {"SCORE", true},
               {"OF WHICH", true},
               {"CORRELATION", true},
               {"FROM", false, true}});
  for (const ExplainedItem& item : explanation.items()) {
    if (left_out.count(item.item_id()) > 0 || !item.has_personal()) continue;
    std::vector<Cell> start = {{item.rank() > 0 ? absl::StrCat(item.rank()) : "", Color::kDim},
                               {Title(item.title(), item.item_id()), Color::kBold},
                               FormatFixed(item.score(), 2)};
    const auto add = [&](double part, Cell correlation, Cell from) {
      start.push_back({FormatSigned(part, 2), SignColor(part)});
      start.push_back(std::move(correlation));
      start.push_back(std::move(from));
      table.Add(start);
      start = {"", "", ""};
    };
    const auto& personal = item.personal();
    double rest = item.score() - personal.everyone();
    add(personal.everyone(), "", {"what everyone gets", Color::kDim});
    int shown = 0;
    for (const int i : Deciding(item, concepts)) {
      if (i >= explanation.groups_size()) continue;
      const ActiveGroup& group = explanation.groups(i);
      rest -= personal.groups(i);
      ++shown;
      add(personal.groups(i), CorrelationCell(group.correlation(), group.verified()),
          {LatentLabel(group.lead_latent(), group.description()), Trust(group.correlation())});
    }
    rest -= personal.absent() + personal.unexplained();
    if (shown < explanation.groups_size()) {
      add(rest, "",
          {absl::StrCat(explanation.groups_size() - shown, " other concepts"), Color::kDim});
    }
    add(personal.absent(), "", {"what others have more of than this user", Color::kDim});
    add(personal.unexplained(), "", {"what no concept tells", Color::kDim});
    for (int i = 0; i < std::min(kReasons, item.reasons_size()); ++i) {
      const auto& reason = item.reasons(i);
      if (reason.effect() <= 0 || reason.reason_item() >= explanation.reason_items_size()) break;
      const auto& from = explanation.reason_items(reason.reason_item());
      table.Add({"",
                 "",
                 "",
                 {FormatSigned(reason.effect(), 2), Color::kCyan},
                 "",
                 {absl::StrCat("by ", Title(from.title(), from.item_id())), Color::kCyan}});
    }
  }
  return table;
}

Table ExplainedItems(const Explanation& explanation, const std::set<std::string>& left_out,
                     int concepts) {
  Table table({{"#", true},
               {"ITEM", false, true},
               {"SCORE", true},
               {"OF WHICH", true},
               {"CORRELATION", true},
               {"FROM", false, true}});
  for (const ExplainedItem& item : explanation.items()) {
    if (left_out.count(item.item_id()) > 0) continue;
    std::vector<Cell> start = {{item.rank() > 0 ? absl::StrCat(item.rank()) : "", Color::kDim},
                               {Title(item.title(), item.item_id()), Color::kBold},
                               FormatFixed(item.score(), 2)};
    double rest = item.score();
    const auto add = [&](std::vector<Cell> end) {
      start.insert(start.end(), end.begin(), end.end());
      table.Add(start);
      start = {"", "", ""};
    };
    for (const int i : Largest(item.group_contributions(), concepts)) {
      if (i >= explanation.groups_size()) continue;
      const ActiveGroup& group = explanation.groups(i);
      const double part = item.group_contributions(i);
      rest -= part;
      add({{FormatSigned(part, 2), SignColor(part)},
           CorrelationCell(group.correlation(), group.verified()),
           {LatentLabel(group.lead_latent(), group.description()), Trust(group.correlation())}});
    }
    add({FormatSigned(rest, 2), "", {"everything else (bias, residual)", Color::kDim}});
  }
  return table;
}

std::vector<std::string> Newest(const std::vector<std::string>& history, size_t count) {
  const size_t shown = std::min(count, history.size());
  return {history.rbegin(), history.rbegin() + static_cast<ptrdiff_t>(shown)};
}

std::string Titles(const Explanation& explanation, const std::vector<std::string>& ids) {
  std::vector<std::string> titles;
  for (const std::string& id : ids) {
    const auto found =
        std::find_if(explanation.items().begin(), explanation.items().end(),
                     [&](const ExplainedItem& item) { return item.item_id() == id; });
    if (found != explanation.items().end()) {
      titles.push_back(Clean(Title(found->title(), found->item_id())));
    }
  }
  return absl::StrJoin(titles, " · ");
}

Table AppliedEdits(const explainer::v1::SteerResponse& response) {
  Table table({{"LATENT", true}, {"BEFORE", true}, {"AFTER", true}, {"CONCEPT", false, true}});
  for (const explainer::v1::AppliedEdit& edit : response.edits()) {
    table.Add({absl::StrCat("#", edit.latent()), FormatNumber(edit.activation_before()),
               FormatNumber(edit.activation_after()), edit.description()});
  }
  return table;
}

Table BeforeAfter(const explainer::v1::SteerResponse& response) {
  Table table({{"#", true},
               {"BEFORE", false, true},
               {"SCORE", true},
               {"NOW AT", true},
               {"", false},
               {"#", true},
               {"AFTER", false, true},
               {"SCORE", true},
               {"MOVED", true}});
  const int rows = std::max(response.before_size(), response.after_size());
  for (int i = 0; i < rows; ++i) {
    const int rank = i + 1;
    std::vector<Cell> row;
    if (i < response.before_size()) {
      const SteeredItem& item = response.before(i);
      row = {{absl::StrCat(rank), Color::kDim},
             Title(item.title(), item.item_id()),
             FormatFixed(item.score(), 2),
             Move(rank, item.other_rank(), "gone")};
    } else {
      row = {"", "", "", ""};
    }
    row.push_back({"│", Color::kDim});
    if (i < response.after_size()) {
      const SteeredItem& item = response.after(i);
      const Cell moved = CameFrom(rank, item.other_rank());
      row.push_back({absl::StrCat(rank), Color::kDim});
      row.push_back({Title(item.title(), item.item_id()), moved.color});
      row.push_back(FormatFixed(item.score(), 2));
      row.push_back(moved);
    }
    table.Add(row);
  }
  return table;
}

}  // namespace recsae::cli

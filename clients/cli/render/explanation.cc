#include "clients/cli/render/explanation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using explainer::v1::ActiveLatent;
using explainer::v1::ExplainedItem;
using explainer::v1::Explanation;
using explainer::v1::SteeredItem;

// Descriptions beside numbers; in full: recsae concepts get.
constexpr int kLabelWidth = 60;

Color SignColor(double value) { return value < 0 ? Color::kRed : Color::kGreen; }

// Indices of the item's largest contributions by size, at most `count`.
std::vector<int> Largest(const ExplainedItem& item, int count) {
  std::vector<int> order(item.contributions_size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return std::abs(item.contributions(a)) > std::abs(item.contributions(b));
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

}  // namespace

std::string LatentLabel(int latent, const std::string& description) {
  if (description.empty()) return absl::StrCat("#", latent);
  return absl::StrCat("#", latent, " ", Truncate(Clean(description), kLabelWidth));
}

Table ActiveLatents(const Explanation& explanation) {
  Table table({{"LATENT", true},
               {"ACTIVATION", true},
               {"LEVEL"},
               {"CONFIDENCE", true},
               {"CONCEPT", false, true}});
  constexpr int kLevels = 10;
  for (const ActiveLatent& latent : explanation.latents()) {
    table.Add({absl::StrCat("#", latent.latent()),
               FormatNumber(latent.activation()),
               {latent.level() == 0 ? ""
                                    : absl::StrCat(Bar(latent.level() / double{kLevels}, 5),
                                                   PadLeft(absl::StrCat(latent.level()), 3)),
                Color::kCyan},
               ConfidenceCell(latent.confidence(), latent.verified()),
               latent.description()});
  }
  return table;
}

Table ExplainedItems(const Explanation& explanation, const std::set<std::string>& left_out,
                     int concepts) {
  Table table({{"#", true},
               {"ITEM", false, true},
               {"SCORE", true},
               {"OF WHICH", true},
               {"CONFIDENCE", true},
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
    for (const int i : Largest(item, concepts)) {
      if (i >= explanation.latents_size()) continue;
      const ActiveLatent& latent = explanation.latents(i);
      const double part = item.contributions(i);
      rest -= part;
      add({{FormatSigned(part, 2), SignColor(part)},
           ConfidenceCell(latent.confidence(), latent.verified()),
           LatentLabel(latent.latent(), latent.description())});
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

#include "clients/cli/reproduce/outputs.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/reproduce/concept_list.h"
#include "clients/cli/reproduce/markdown.h"
#include "clients/cli/reproduce/page.h"
#include "clients/cli/reproduce/study_list.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/files/whole_file.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kWords = 60;

std::string MarkdownWords(const Cells& cells) {
  std::string text;
  for (const ConceptList& list : ListConcepts(cells)) {
    std::vector<std::string> words;
    for (const CloudWord& word : CloudWords(list.concepts, kWords)) {
      words.push_back(
          absl::StrCat(EscapeMarkdown(word.text), " (", FormatNumber(word.weight), ")"));
    }
    absl::StrAppend(
        &text, "## ", EscapeMarkdown(list.title), "\n\n",
        words.empty() ? "no concept of confidence 0.8 or more (paper's protocol, statistical judge)"
                      : absl::StrJoin(words, ", "),
        "\n\n");
  }
  return text;
}

}  // namespace

ordered_json ResultsJson(const CellStore& store) {
  ordered_json json = {{"version", std::string(Version())},
                       {"settings", store.settings()},
                       {"tables", ordered_json::array()},
                       {"cells", ordered_json::array()}};
  for (const ResultTable& table : MakeTables(store.cells())) {
    json["tables"].push_back(TableJson(table));
  }
  for (ordered_json cell : store.cells()) {
    cell.erase("examples");
    cell.erase("attributes");
    json["cells"].push_back(std::move(cell));
  }
  return json;
}

absl::Status WriteOutputs(const CellStore& store, const std::string& out) {
  const auto write = [&](const std::string& name, const std::string& content) {
    return WriteWholeFile((std::filesystem::path(out) / name).string(), content);
  };
  const Cells& cells = store.cells();
  std::map<std::string, std::string> studies;
  for (const ResultTable& table : MakeTables(cells)) studies[table.study] += MarkdownTable(table);
  if (const std::string text = MarkdownConcepts(cells); !text.empty()) {
    studies["table5"] = text;
    studies["fig3"] = MarkdownWords(cells);
  }
  for (const Study& study : kStudies) {
    const auto found = studies.find(study.id);
    if (found == studies.end()) continue;
    RECSAE_RETURN_IF_ERROR(
        write(absl::StrCat(study.id, ".md"),
              absl::StrCat("# ", study.title, "\n\n    ",
                           CommandOf(study.id, cells, store.settings()), "\n\n", found->second)));
  }
  RECSAE_RETURN_IF_ERROR(
      write("results.json",
            ResultsJson(store).dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"));
  return write("index.html", MakePage(cells, store.settings()));
}

}  // namespace recsae::cli

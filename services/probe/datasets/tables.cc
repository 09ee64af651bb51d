// Reads the tables of a layout: interactions by the meaning of their columns, items by a
// CatalogBuilder.
#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/datasets/byte_source.h"
#include "services/probe/datasets/catalog.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/interaction_reader.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/split_column.h"
#include "services/probe/datasets/table.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

TableForm FormOf(const char* columns, bool quotes, const ColumnNames& names) {
  TableForm form;
  form.quotes = quotes;
  form.columns = absl::StrSplit(columns, ' ', absl::SkipEmpty());
  int numbers = 0, given = 0;
  for (const Role role : kAllRoles) {
    int ignored = 0;
    if (names.of(role).empty()) continue;
    ++given;
    numbers += absl::SimpleAtoi(names.of(role), &ignored) ? 1 : 0;
  }
  form.numbered = given > 0 && numbers == given;
  if (form.numbered) form.columns.clear();
  return form;
}

// The name of the item's column that both tables have: of "asin" and "parent_asin" the one that the
// catalogue is made by.
std::string CommonItem(const Header& interactions, const Header& items) {
  Header both;
  for (const std::string& name : interactions.names) {
    for (const std::string& other : items.names) {
      if (PlainName(name) != PlainName(other)) continue;
      both.names.push_back(name);
      both.types.emplace_back();
    }
  }
  const int column = FindRole(both, Role::kItem, "");
  return column < 0 ? "" : both.names[static_cast<size_t>(column)];
}

// Which part the name of a file, or of its folder, says that it holds: "movies_train.csv".
bool PartOfName(const std::string& path, const std::string& folder, Part* part) {
  const std::string name = fs::path(path).lexically_relative(folder).string();
  for (const absl::string_view word :
       absl::StrSplit(WithoutPacking(name), absl::ByAnyChar("/._- "))) {
    if (ParsePart(word, part)) return true;
  }
  return false;
}

struct Files {
  std::vector<std::pair<std::string, Part>> interactions;
  std::vector<std::string> items;
  bool parted = false;  // by files
};

absl::StatusOr<Files> FilesOf(const std::string& folder, const Layout& layout,
                              const ColumnNames& names, InteractionLog* log) {
  Files files;
  for (const std::string& path : InteractionFiles(folder, layout))
    files.interactions.emplace_back(path, Part::kTrain);
  for (const auto& [patterns, part] :
       {std::pair(layout.dev, Part::kDev), std::pair(layout.test, Part::kTest)}) {
    if (*patterns == '\0') continue;
    files.parted = true;
    const std::vector<std::string> paths = FindFiles(folder, patterns);
    for (const std::string& path : paths) files.interactions.emplace_back(path, part);
    if (!paths.empty()) continue;
    const bool test = part == Part::kTest;
    if (test) {
      return Error(
          absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
          absl::StrCat(
              "cannot read ", folder,
              "/test.csv, which belongs to train.csv; check that it is there and readable"),
          {{"file", folder + "/test.csv"}});
    }
    log->remarks.push_back(
        {"NO_DEV_FILE",
         0,
         "there is no file of dev rows (dev.csv, valid.csv, val.csv, validation.csv): "
         "nothing tells the best epoch",
         {},
         true});
  }
  for (const absl::string_view pattern : absl::StrSplit(layout.items, '|', absl::SkipEmpty())) {
    for (std::string& path : FindFiles(folder, std::string(pattern).c_str())) {
      if (std::find(files.items.begin(), files.items.end(), path) == files.items.end())
        files.items.push_back(std::move(path));
    }
  }
  if (!files.interactions.empty() || layout.format != Format::kCsv) return files;
  RECSAE_ASSIGN_OR_RETURN(const FoundTables found, FindTables(folder, names, &log->reading));
  std::array<bool, 3> named = {};
  for (const std::string& path : found.interactions) {
    Part part = Part::kTrain;
    if (PartOfName(path, folder, &part)) named[static_cast<size_t>(part)] = true;
    files.interactions.emplace_back(path, part);
  }
  // One word of "train" or "test" among the names says nothing of what is held out.
  files.parted =
      named[static_cast<size_t>(Part::kTrain)] && named[static_cast<size_t>(Part::kTest)];
  if (files.items.empty()) files.items = found.items;
  if (!found.others.empty()) {
    log->remarks.push_back({"FILES_NOT_READ",
                            static_cast<int64_t>(found.others.size()),
                            absl::StrCat("not read, since neither interactions nor items: ",
                                         absl::StrJoin(found.others, "; ")),
                            {},
                            false});
  }
  return files;
}

}  // namespace

absl::StatusOr<FoundTables> FindTables(const std::string& folder, const ColumnNames& names,
                                       Reading* reading) {
  FoundTables found;
  std::vector<std::pair<std::vector<std::string>, Header>> candidates;
  const TableForm form = FormOf("", true, names);
  std::vector<std::string> seen;  // for messages
  for (const std::vector<std::string>& parts : TablesIn(folder)) {
    const absl::StatusOr<Header> header = PeekHeader(parts.front(), form, reading);
    const std::string name = ToUtf8(fs::path(parts.front()).lexically_relative(folder).string());
    if (!header.ok()) {
      if (Reason(header.status()) != "DATASET_MALFORMED" &&
          Reason(header.status()) != "DATA_FILE_NOT_FOUND")
        return header.status();
      found.others.push_back(absl::StrCat(name, " (unreadable)"));
      continue;
    }
    seen.push_back(absl::StrCat(name, " (", ListColumns(*header), ")"));
    const bool user = FindRole(*header, Role::kUser, names.of(Role::kUser)) >= 0;
    const bool item = FindRole(*header, Role::kItem, names.of(Role::kItem), !user) >= 0;
    if (user && item) {
      candidates.emplace_back(parts, *header);
    } else if (item && header->names.size() > 1 && !form.numbered) {
      found.items.insert(found.items.end(), parts.begin(), parts.end());
    } else {
      found.others.push_back(name);
    }
  }
  if (candidates.empty()) {
    return Error(
        absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
        absl::StrCat(
            folder, " holds no data set that is recognised",
            seen.empty() ? "" : absl::StrCat(": its tables are ", absl::StrJoin(seen, "; "))),
        {{"path", folder}});
  }
  for (const auto& [parts, header] : candidates) {
    // Parts of one log have the same columns.
    if (header.names == candidates.front().second.names) {
      found.interactions.insert(found.interactions.end(), parts.begin(), parts.end());
    } else {
      found.others.push_back(ToUtf8(fs::path(parts.front()).lexically_relative(folder).string()));
    }
  }
  return found;
}

absl::Status ReadLayout(const std::string& folder, const Layout& layout, const ColumnNames& columns,
                        InteractionLog* log) {
  RECSAE_ASSIGN_OR_RETURN(const Files files, FilesOf(folder, layout, columns, log));
  if (files.interactions.empty()) {
    return Error(absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
                 absl::StrCat(folder, " has no file of interactions; ", layout.name, " needs ",
                              layout.files),
                 {{"file", folder}});
  }
  const TableForm form = FormOf(layout.columns, layout.quotes, columns);
  TableForm item_form = FormOf(layout.item_columns, layout.quotes, {});
  InteractionReader reader(layout, columns, log);
  log->described = !files.items.empty();
  if (log->described) {
    ColumnNames names = columns;
    if (columns.of(Role::kItem).empty()) {
      RECSAE_ASSIGN_OR_RETURN(const Header interactions,
                              PeekHeader(files.interactions.front().first, form, &log->reading));
      RECSAE_ASSIGN_OR_RETURN(const Header items,
                              PeekHeader(files.items.front(), item_form, &log->reading));
      names.of(Role::kItem) = CommonItem(interactions, items);
      reader.SetCommon(names.of(Role::kItem));
    }
    if (form.numbered) names.of(Role::kTitle).clear();
    CatalogBuilder catalog(names, log);
    for (const std::string& path : files.items)
      RECSAE_RETURN_IF_ERROR(catalog.Read(path, item_form));
    RECSAE_RETURN_IF_ERROR(catalog.Finish());
  } else {
    log->remarks.push_back({"NO_ITEM_FILE",
                            0,
                            "there is no table of items: their ids are the titles, and concepts "
                            "have no words but them "
                            "(put an items.csv with item and title beside the interactions)",
                            {},
                            true});
  }
  for (const auto& [path, part] : files.interactions) {
    RECSAE_RETURN_IF_ERROR(reader.Read(path, form, part, files.parted));
  }
  reader.Finish();
  return absl::OkStatus();
}

}  // namespace recsae::probe

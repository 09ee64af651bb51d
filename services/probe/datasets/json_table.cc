#include "services/probe/datasets/json_table.h"

#include <simdjson.h>

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/json_text.h"
#include "services/probe/datasets/line_source.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

namespace dom = simdjson::dom;

// The objects that the columns are made of: as many, or as many bytes of them.
constexpr size_t kObjectsForColumns = 1000;
constexpr size_t kBytesForColumns = size_t{4} << 20;
constexpr size_t kMaxColumns = 2000;

// Cuts a text into its outermost objects, whatever stands between them.
class ObjectCutter {
 public:
  // Goes on with `text`; calls take(object) for each object that ends in it, until it says no.
  template <typename Take>
  bool Cut(absl::string_view text, const Take& take) {
    size_t begin = 0;  // of the part of the object in `text`
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quote_ != '\0') {
        if (escaped_) {
          escaped_ = false;
        } else if (c == '\\') {
          escaped_ = true;
        } else if (c == quote_) {
          quote_ = '\0';
        }
      } else if (depth_ > 0 && (c == '"' || c == '\'')) {
        quote_ = c;
      } else if (c == '{' && depth_++ == 0) {
        begin = i;
      } else if (c == '}' && depth_ > 0 && --depth_ == 0) {
        object_.append(text.data() + begin, i + 1 - begin);
        const bool more = take(object_);
        object_.clear();
        if (!more) return false;
      }
    }
    if (depth_ > 0) {
      object_.append(text.data() + begin, text.size() - begin);
      object_ += '\n';
    }
    return true;
  }
  size_t size() const { return object_.size(); }
  bool open() const { return depth_ > 0; }

 private:
  std::string object_;
  int64_t depth_ = 0;
  char quote_ = '\0';
  bool escaped_ = false;
};

class JsonReader {
 public:
  JsonReader(const std::string& path, Reading* reading, const TakeHeader& take,
             const ParseFields& parse)
      : path_(path), reading_(reading), take_(take), parse_(parse), refusals_(path, reading) {}

  absl::Status Read() {
    RECSAE_ASSIGN_OR_RETURN(LineSource lines, LineSource::Open(path_, reading_));
    absl::string_view line;
    bool first = true, line_by_line = false;
    ObjectCutter cutter;
    absl::Status status;
    const auto take = [&](absl::string_view object) {
      status = Object(object, lines.number());
      return status.ok();
    };
    while (lines.Next(&line)) {
      const absl::string_view text = absl::StripAsciiWhitespace(line);
      if (text.empty()) continue;
      // An object a line is the usual case, and the one where a broken line spoils no other.
      if (first) line_by_line = text.front() == '{' && text.back() == '}';
      first = false;
      line_by_line ? (void)take(text) : (void)cutter.Cut(line, take);
      RECSAE_RETURN_IF_ERROR(status);
      if (cutter.size() > kMaxLineBytes) {
        return MalformedError(path_, lines.number(),
                              absl::StrCat("an object is longer than ", kMaxLineBytes, " bytes"));
      }
    }
    RECSAE_RETURN_IF_ERROR(lines.status());
    if (cutter.open()) refusals_.Note(lines.number(), "the last object is cut off");
    RECSAE_RETURN_IF_ERROR(Begin());
    return refusals_.Check();
  }

 private:
  struct Buffered {
    std::string text;
    int64_t line;
  };

  // Takes an object: one of those that the columns are made of, or a record.
  absl::Status Object(absl::string_view text, int64_t line) {
    if (begun_) {
      Record(text, line);
      return absl::OkStatus();
    }
    buffered_bytes_ += text.size();
    buffered_.push_back({std::string(text), line});
    const bool enough =
        buffered_.size() == kObjectsForColumns || buffered_bytes_ > kBytesForColumns;
    return enough ? Begin() : absl::OkStatus();
  }

  absl::Status Begin() {
    if (std::exchange(begun_, true)) return absl::OkStatus();
    Header header = FindColumns();
    if (header.names.empty()) {
      return MalformedError(path_, 1,
                            buffered_.empty() ? "there is no object in the file"
                                              : "its first lines are no JSON objects");
    }
    names_ = header.names;
    cells_.resize(header.names.size());
    fields_.resize(header.names.size());
    RECSAE_RETURN_IF_ERROR(take_(header));
    for (const Buffered& object : std::exchange(buffered_, {})) Record(object.text, object.line);
    return absl::OkStatus();
  }

  Header FindColumns() {
    Header header;
    for (const Buffered& object : buffered_) {
      dom::object found;
      if (Parse(object.text, &found)) AddNames(found, &header);
    }
    if (FindRole(header, Role::kUser, "") < 0 || FindRole(header, Role::kItem, "") >= 0)
      return header;
    outer_ = header.names.size();
    for (const Buffered& object : buffered_) {
      dom::object found;
      if (Parse(object.text, &found)) FindInner(found, &header);
    }
    return header;
  }

  void AddNames(const dom::object& object, Header* header) {
    for (const auto field : object) {
      if (header->names.size() >= kMaxColumns) return;
      const std::string_view key = field.key;
      const auto [at, added] = index_.try_emplace(std::string(key), header->names.size());
      if (!added) continue;
      header->names.push_back(ToUtf8({key.data(), key.size()}));
      header->types.emplace_back();
    }
  }

  // Looks for a list of objects that have items.
  void FindInner(const dom::object& object, Header* header) {
    for (const auto field : object) {
      dom::array list;
      if (field.value.get(list) != simdjson::SUCCESS) continue;
      for (const dom::element element : list) {
        dom::object inner;
        if (element.get(inner) != simdjson::SUCCESS) break;
        Header names;
        std::swap(index_, inner_index_);
        AddNames(inner, &names);
        if (inner_key_.empty() && FindRole(names, Role::kItem, "") >= 0)
          inner_key_ = std::string(field.key);
        const bool wanted = inner_key_ == field.key;
        if (!wanted) {
          for (const std::string& name : names.names) index_.erase(name);
        } else {
          for (std::string& name : names.names) {
            index_[name] = header->names.size();
            header->names.push_back(std::move(name));
            header->types.emplace_back();
          }
        }
        std::swap(index_, inner_index_);
        if (!wanted) break;
      }
    }
  }

  // False if the text is no object, as it is or as a Python dictionary.
  bool Parse(absl::string_view text, dom::object* object) {
    const auto parse = [&](absl::string_view json) {
      return parser_.parse(json.data(), json.size()).get(*object) == simdjson::SUCCESS;
    };
    // Where the last line was a dictionary of Python this one is likely to be: no JSON begins so.
    const bool literal =
        literals_ && (absl::StartsWith(text, "{'") || absl::StartsWith(text, "{u'"));
    if (!literal && parse(text)) return true;
    rewritten_ = LiteralToJson(ToUtf8(text));
    return literals_ = parse(rewritten_);
  }

  void Fill(const dom::object& object,
            const std::unordered_map<std::string, size_t, TextHash, std::equal_to<>>& index,
            size_t first) {
    size_t expected = first;
    for (const auto field : object) {
      const std::string_view key = field.key;
      size_t column = expected;
      if (column >= names_.size() || names_[column] != key) {
        const auto found = index.find(absl::string_view(key.data(), key.size()));
        if (found == index.end()) continue;
        column = found->second;
      }
      expected = column + 1;
      std::string_view text;
      if (field.value.get(text) == simdjson::SUCCESS) {
        fields_[column] = {text.data(), text.size()};
        continue;
      }
      cells_[column].clear();
      int64_t dropped = 0;
      AppendText(field.value, &cells_[column], &dropped);
      fields_[column] = cells_[column];
      if (dropped > 0)
        reading_->tallies.Add(Event::kValuesDropped, [&] {
          return reading_->At({key.data(), key.size()});
        });
    }
  }

  void Record(absl::string_view text, int64_t line) {
    reading_->line = line;
    dom::object object;
    if (!Parse(text, &object))
      return refusals_.Note(line, "no JSON object and no Python dictionary");
    std::fill(fields_.begin(), fields_.end(), absl::string_view());
    if (inner_key_.empty()) {
      Fill(object, index_, 0);
      return refusals_.Note(line, parse_(fields_));
    }
    Fill(object, index_, 0);
    dom::array list;
    if (object.at_key(inner_key_).get(list) != simdjson::SUCCESS) return refusals_.Note(line, "");
    for (const dom::element element : list) {
      dom::object inner;
      if (element.get(inner) != simdjson::SUCCESS) continue;
      std::fill(fields_.begin() + static_cast<int64_t>(outer_), fields_.end(), absl::string_view());
      Fill(inner, inner_index_, outer_);
      refusals_.Note(line, parse_(fields_));
    }
  }

  const std::string& path_;
  Reading* reading_;
  const TakeHeader& take_;
  const ParseFields& parse_;
  Refusals refusals_;
  dom::parser parser_;
  bool begun_ = false;
  std::vector<Buffered> buffered_;
  size_t buffered_bytes_ = 0;
  std::unordered_map<std::string, size_t, TextHash, std::equal_to<>> index_,
      inner_index_;                 // columns by name
  std::vector<std::string> names_;  // as the objects have them
  std::string inner_key_;  // the list whose elements are the records; empty: the objects are
  size_t outer_ = 0;       // columns of the objects themselves
  std::vector<std::string> cells_;
  Fields fields_;
  std::string rewritten_;
  bool literals_ = false;
};

}  // namespace

absl::Status ReadJsonTable(const std::string& path, Reading* reading, const TakeHeader& header,
                           const ParseFields& parse) {
  return JsonReader(path, reading, header, parse).Read();
}

}  // namespace recsae::probe

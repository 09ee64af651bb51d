// Delimited text, and which kind of table a file is.
#include "services/probe/datasets/table.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/json_table.h"
#include "services/probe/datasets/line_source.h"

namespace recsae::probe {
namespace {

// A quoted field goes over so many lines and bytes at most; what is longer lacks its closing quote.
constexpr size_t kMaxRecordLines = 500;
constexpr size_t kMaxRecordBytes = size_t{256} << 10;

// Where the next delimiter is, or the end.
size_t EndOfField(absl::string_view line, absl::string_view delimiter, size_t at) {
  if (delimiter.size() != 1) return std::min(line.find(delimiter, at), line.size());
  if (at >= line.size()) return line.size();
  const void* found = std::memchr(line.data() + at, delimiter[0], line.size() - at);
  return found == nullptr ? line.size()
                          : static_cast<size_t>(static_cast<const char*>(found) - line.data());
}

// Ends a quoted field at `at`, where a quote stands: how far it goes on; the closing quote is what
// the delimiter or the end follows, or what nothing else explains.
size_t TakeQuoted(absl::string_view line, size_t at, absl::string_view delimiter, bool backslashes,
                  std::string* text, bool* closed) {
  *closed = false;
  const auto ends = [&](size_t i) {
    return i >= line.size() || absl::StartsWith(line.substr(i), delimiter);
  };
  while (at < line.size()) {
    const char c = line[at];
    const bool quote_next = at + 1 < line.size() && line[at + 1] == '"';
    // Doubled, or as C writes it; of \"" the two quotes are one, unless the field ends there.
    const bool escaped = c == '\\' && quote_next &&
                         (backslashes || (!ends(at + 2) && (line[at + 2] != '"' || ends(at + 3))));
    if (escaped || (quote_next && c == '"')) {
      *text += '"';
      at += 2;
    } else if (c == '"') {
      *closed = true;
      return at + 1;
    } else {
      // On to what may be of another meaning.
      const size_t next = std::min(line.find_first_of("\"\\", at + 1), line.size());
      text->append(line.data() + at, next - at);
      at = next;
    }
  }
  return at;
}

std::string RecogniseDelimiter(absl::string_view line, bool numbered) {
  std::string best = ",", scratch;
  int most_roles = -1;
  size_t most_fields = 0;
  Fields fields;
  for (const char* delimiter : {"\t", ",", ";", "|", "::"}) {
    SplitFields(line, delimiter, true, &scratch, &fields);
    if (fields.size() < 2) continue;
    const int roles = CountRoles(MakeHeader(fields));
    if (roles > most_roles || (roles == most_roles && fields.size() > most_fields)) {
      best = delimiter, most_roles = roles, most_fields = fields.size();
    }
  }
  if (most_roles >= 0 || !absl::StrContains(line, ' ')) return best;
  // Spaces part fields where nothing else does: of names, or of a file without them.
  SplitFields(line, " ", true, &scratch, &fields);
  return numbered || CountRoles(MakeHeader(fields)) > 1 ? " " : best;
}

// Whether a line names columns rather than being a row of a file without such a line.
bool IsHeaderLine(const Fields& fields) {
  double ignored = 0;
  return CountRoles(MakeHeader(fields)) > 1 &&
         std::none_of(fields.begin(), fields.end(),
                      [&](absl::string_view field) { return absl::SimpleAtod(field, &ignored); });
}

bool InApostrophes(absl::string_view field) {
  return field.size() > 1 && field.front() == '\'' && field.back() == '\'';
}

// Numbers 1, 2, ... as names.
Header NumberedHeader(size_t columns) {
  Header header;
  for (size_t c = 1; c <= columns; ++c) {
    header.names.push_back(absl::StrCat(c));
    header.types.emplace_back();
  }
  return header;
}

// Lines joined to records.
class RecordSource {
 public:
  RecordSource(LineSource lines, const TableForm& form) : lines_(std::move(lines)), form_(form) {}

  // False at the end or on an error. `number` is the record's first line.
  bool Next(absl::string_view* record, int64_t* number) {
    bool repeated = false;
    if (!NextLine(record, number, &repeated)) return false;
    if (repeated || !form_.quotes || !absl::StrContains(*record, '"') || Closed(*record))
      return true;
    return Join(record);
  }
  void SetDelimiter(std::string delimiter) {
    closing_ = absl::StrCat("\"", delimiter);
    delimiter_ = std::move(delimiter);
  }
  const absl::Status& status() const { return lines_.status(); }

 private:
  struct Line {
    std::string text;
    int64_t number;
  };

  bool NextLine(absl::string_view* line, int64_t* number, bool* repeated) {
    if (!pending_.empty()) {
      current_ = std::move(pending_.front());
      pending_.pop_front();
      *line = current_.text, *number = current_.number;
      // The rest of a record without its closing quote: each line on its own.
      *repeated = alone_ > 0;
      if (alone_ > 0) --alone_;
      return true;
    }
    if (!lines_.Next(line)) return false;
    *number = lines_.number();
    return true;
  }

  bool Closed(absl::string_view record) {
    return SplitFields(record, delimiter_, true, &scratch_, &fields_);
  }

  // Takes lines until the quote closes; where it does not, the record stays the line that it was
  // and the other lines are read on their own.
  bool Join(absl::string_view* record) {
    joined_.assign(record->data(), record->size());
    const size_t first = joined_.size();
    std::deque<Line> taken;
    absl::string_view line;
    int64_t number = 0;
    bool repeated = false, closed = false;
    while (!closed && taken.size() < kMaxRecordLines && joined_.size() < kMaxRecordBytes &&
           NextLine(&line, &number, &repeated)) {
      taken.push_back({std::string(line), number});
      absl::StrAppend(&joined_, "\n", line);
      const bool may_close = absl::EndsWith(line, "\"") || absl::StrContains(line, closing_);
      closed = may_close && Closed(joined_);
    }
    if (!lines_.status().ok()) return false;
    if (!closed) {
      joined_.resize(first);
      alone_ = taken.size();
      for (auto back = taken.rbegin(); back != taken.rend(); ++back)
        pending_.push_front(std::move(*back));
    }
    *record = joined_;
    return true;
  }

  LineSource lines_;
  const TableForm& form_;
  std::string delimiter_ = ",", closing_ = "\",";
  std::string joined_, scratch_;
  Fields fields_;
  Line current_;
  std::deque<Line> pending_;
  size_t alone_ = 0;  // of the pending lines
};

class DelimitedReader {
 public:
  DelimitedReader(const std::string& path, const TableForm& form, LineSource lines,
                  Reading* reading)
      : path_(path),
        form_(form),
        records_(std::move(lines), form),
        reading_(reading),
        refusals_(path, reading) {}

  absl::Status Read(const TakeHeader& take, const ParseFields& parse) {
    absl::string_view record;
    int64_t number = 0;
    bool first = true;
    while (records_.Next(&record, &number)) {
      if (absl::StripAsciiWhitespace(record).empty()) continue;
      if (first) {
        if (IsPreamble(record)) continue;
        first = false;
        bool is_header = true;
        RECSAE_RETURN_IF_ERROR(Begin(record, take, &is_header));
        if (is_header) continue;
      }
      reading_->line = number;
      if (!header_line_.empty() && record == header_line_) {
        reading_->tallies.Add(Event::kHeadersRepeated,
                              [&] { return reading_->At("the header line again"); });
        continue;
      }
      refusals_.Note(number, Row(record, parse));
    }
    RECSAE_RETURN_IF_ERROR(records_.status());
    if (first) return MalformedError(path_, 1, "the file is empty");
    return refusals_.Check();
  }

 private:
  // What stands before a table: "sep=;" of spreadsheets, remarks after '#'.
  bool IsPreamble(absl::string_view record) {
    record = absl::StripAsciiWhitespace(record);
    if (record.size() == 5 && absl::StartsWithIgnoreCase(record, "sep=")) {
      separator_ = std::string(record.substr(4));
      return true;
    }
    // Without names of columns a '#' may begin an id.
    if (!absl::ConsumePrefix(&record, form_.numbered ? "# " : "#") || !form_.columns.empty()) {
      return false;
    }
    SplitFields(record, RecogniseDelimiter(record, form_.numbered), form_.quotes, &scratch_,
                &fields_);
    return CountRoles(MakeHeader(fields_)) == 0;
  }

  absl::Status Begin(absl::string_view record, const TakeHeader& take, bool* is_header) {
    delimiter_ = !separator_.empty()       ? separator_
                 : form_.delimiter.empty() ? RecogniseDelimiter(record, form_.numbered)
                                           : form_.delimiter;
    records_.SetDelimiter(delimiter_);
    if (!SplitFields(record, delimiter_, form_.quotes, &scratch_, &fields_)) {
      return MalformedError(path_, 1, "the header line has an open quote");
    }
    apostrophes_ = fields_.size() > 1 && std::all_of(fields_.begin(), fields_.end(), InApostrophes);
    TakeApostrophesOff();
    const bool names = IsHeaderLine(fields_);
    *is_header = names || (!form_.numbered && form_.columns.empty());
    Header header;
    if (*is_header && !form_.numbered) {
      header_line_ = std::string(record);
      header = MakeHeader(fields_);
    } else if (form_.numbered) {
      header = NumberedHeader(fields_.size());
    } else {
      header.names = form_.columns;
      header.names.resize(std::max(form_.columns.size(), fields_.size()));
      header.types.resize(header.names.size());
      least_ = std::min(form_.columns.size(), fields_.size());
    }
    width_ = header.names.size();
    // A header line that ends in a delimiter, over rows that do not.
    if (least_ == 0) least_ = width_ > 1 && header.names.back().empty() ? width_ - 1 : width_;
    return take(header);
  }

  // 'a','b': as some databases quote; the first line says whether it is so.
  void TakeApostrophesOff() {
    if (!apostrophes_) return;
    for (absl::string_view& field : fields_) {
      if (InApostrophes(field)) field = field.substr(1, field.size() - 2);
    }
  }

  // Fills fields_; false: a quote is left open. Whether a backslash, a quote and a delimiter end a
  // field is told by the number of fields.
  bool Split(absl::string_view record) {
    const bool closed = SplitFields(record, delimiter_, form_.quotes, &scratch_, &fields_);
    if ((closed && fields_.size() == width_) || !form_.quotes ||
        !absl::StrContains(record, "\\\"")) {
      return closed;
    }
    return (SplitFields(record, delimiter_, true, &scratch_, &fields_, /*backslashes=*/true) &&
            fields_.size() == width_) ||
           SplitFields(record, delimiter_, true, &scratch_, &fields_);
  }

  std::string Row(absl::string_view record, const ParseFields& parse) {
    if (!Split(record)) return "open quote";
    TakeApostrophesOff();
    // Ends of lines that are delimiters; row numbers that the header line does not name.
    while (fields_.size() > width_ && absl::StripAsciiWhitespace(fields_.back()).empty()) {
      fields_.pop_back();
    }
    if (fields_.size() == width_ + 1) {
      if (index_.value_or(true)) {
        double ignored = 0;
        if (absl::SimpleAtod(fields_.front(), &ignored)) fields_.erase(fields_.begin());
        index_ = fields_.size() == width_;
      }
    } else if (!index_ && fields_.size() == width_) {
      index_ = false;
    }
    if (fields_.size() < width_ && fields_.size() >= least_) fields_.resize(width_);
    if (fields_.size() != width_) {
      return absl::StrCat("has ", fields_.size(), " fields, the header ", width_);
    }
    return parse(fields_);
  }

  const std::string& path_;
  const TableForm& form_;
  RecordSource records_;
  Reading* reading_;
  Refusals refusals_;
  std::string delimiter_, separator_, header_line_, scratch_;
  Fields fields_;
  size_t width_ = 0;
  size_t least_ = 0;           // fields of a record; columns after them may be lacking
  bool apostrophes_ = false;   // fields are quoted by them
  std::optional<bool> index_;  // the first row says whether rows begin with their number
};

// What the file begins with, spaces left out; '\0' for nothing.
absl::StatusOr<char> FirstCharacter(const std::string& path, Reading* reading) {
  RECSAE_ASSIGN_OR_RETURN(LineSource lines, LineSource::Open(path, reading));
  absl::string_view line;
  while (lines.Next(&line)) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) return line[0];
  }
  RECSAE_RETURN_IF_ERROR(lines.status());
  return '\0';
}

}  // namespace

absl::Status ReadLines(const std::string& path, Reading* reading, const ParseLine& parse) {
  RECSAE_ASSIGN_OR_RETURN(LineSource lines, LineSource::Open(path, reading));
  Refusals refusals(path, reading);
  absl::string_view line;
  while (lines.Next(&line)) {
    if (line.empty()) continue;
    reading->line = lines.number();
    refusals.Note(lines.number(), parse(line));
  }
  RECSAE_RETURN_IF_ERROR(lines.status());
  return refusals.Check();
}

absl::Status ReadTable(const std::string& path, const TableForm& form, Reading* reading,
                       const TakeHeader& header, const ParseFields& parse) {
  RECSAE_ASSIGN_OR_RETURN(const char first, FirstCharacter(path, reading));
  if (first == '{' || first == '[') return ReadJsonTable(path, reading, header, parse);
  RECSAE_ASSIGN_OR_RETURN(LineSource lines, LineSource::Open(path, reading));
  return DelimitedReader(path, form, std::move(lines), reading).Read(header, parse);
}

absl::StatusOr<Header> PeekHeader(const std::string& path, const TableForm& form,
                                  Reading* reading) {
  Header found;
  const char kEnough[] = "PEEKED";
  const absl::Status status = ReadTable(
      path, form, reading,
      [&](const Header& header) {
        found = header;
        return Error(absl::StatusCode::kCancelled, kEnough, "the header is all that is wanted");
      },
      [](const Fields&) { return std::string(); });
  if (Reason(status) == kEnough) return found;
  return status.ok() ? MalformedError(path, 1, "the file is empty") : status;
}

bool SplitFields(absl::string_view line, absl::string_view delimiter, bool quotes,
                 std::string* scratch, Fields* fields, bool backslashes) {
  fields->clear();
  const bool plain = !quotes || !absl::StrContains(line, '"');
  if (!plain) {
    scratch->clear();
    scratch->reserve(line.size());  // the fields point into it
  }
  size_t at = 0;
  while (true) {
    size_t start = at;
    if (!plain) {
      while (start < line.size() && line[start] == ' ') ++start;
    }
    if (!plain && start < line.size() && line[start] == '"') {
      const size_t begin = scratch->size();
      bool closed = false;
      at = TakeQuoted(line, start + 1, delimiter, backslashes, scratch, &closed);
      if (!closed) {
        fields->push_back(absl::string_view(*scratch).substr(begin));
        return false;
      }
      const size_t end = EndOfField(line, delimiter, at);
      scratch->append(line.data() + at, end - at);  // what stands behind the closing quote
      fields->push_back(absl::string_view(*scratch).substr(begin));
      at = end;
    } else {
      const size_t end = EndOfField(line, delimiter, at);
      fields->push_back(line.substr(at, end - at));
      at = end;
    }
    if (at >= line.size()) return true;
    at += delimiter.size();
  }
}

}  // namespace recsae::probe

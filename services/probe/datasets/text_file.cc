// Line and table reading.
#include "services/probe/datasets/text_file.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::probe {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;

}  // namespace

absl::Status MalformedError(const std::string& path, int64_t line, absl::string_view problem) {
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_MALFORMED",
               absl::StrCat(path, ":", line, ": ", problem),
               {{"file", path}, {"line", absl::StrCat(line)}});
}

absl::Status ReadLines(const std::string& path, Reading* reading, const ParseLine& parse) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    return Error(absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
                 absl::StrCat("cannot read ", path, "; check the name and that it is readable"),
                 {{"file", path}});
  }
  const std::string name = std::filesystem::path(path).filename().string();
  int64_t number = 0, lines = 0, refused = 0, first_refused = 0;
  std::string first_problem;
  const auto take = [&](absl::string_view text) {
    ++number;
    if (number == 1) absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
    absl::ConsumeSuffix(&text, "\r");
    if (text.empty()) return;
    ++lines;
    const std::string problem = parse(text);
    if (problem.empty()) return;
    if (refused++ == 0) first_refused = number, first_problem = problem;
    ++reading->malformed_lines;
    if (reading->malformed.size() < kMalformedNamed) {
      reading->malformed.push_back(absl::StrCat(name, ":", number, ": ", problem));
    }
  };
  std::string chunk(kChunkBytes, '\0');
  std::string begun;  // a line whose end was not read yet
  while (file) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    absl::string_view rest(chunk.data(), static_cast<size_t>(file.gcount()));
    reading->bytes += file.gcount();
    RECSAE_RETURN_IF_ERROR(reading->MayProceed());
    for (size_t end = rest.find('\n'); end != absl::string_view::npos; end = rest.find('\n')) {
      if (begun.empty()) {
        take(rest.substr(0, end));
      } else {
        begun.append(rest.data(), end);
        take(begun);
        begun.clear();
      }
      rest.remove_prefix(end + 1);
    }
    begun.append(rest.data(), rest.size());
    if (begun.size() > kMaxLineBytes) {
      return MalformedError(path, number + 1,
                            absl::StrCat("the line is longer than ", kMaxLineBytes, " bytes"));
    }
  }
  if (!begun.empty()) take(begun);
  if (file.bad()) {
    return Error(absl::StatusCode::kUnavailable, "DATA_FILE_UNREADABLE",
                 absl::StrCat("reading ", path, " failed after line ", number), {{"file", path}});
  }
  if (refused * 100 > lines) {
    return MalformedError(path, first_refused,
                          absl::StrCat(first_problem, " (and ", refused - 1, " more of ", lines,
                                       " lines; at most 1 % may be malformed)"));
  }
  return absl::OkStatus();
}

absl::Status ReadTable(const std::string& path, Reading* reading,
                       const std::function<absl::Status(const Fields&)>& header,
                       const ParseFields& parse) {
  bool first = true;
  char delimiter = ',';
  size_t width = 0;
  Fields fields;
  absl::Status refused;
  absl::Status status = ReadLines(path, reading, [&](absl::string_view line) -> std::string {
    if (!refused.ok()) return "";
    if (first) {
      first = false;
      delimiter = absl::StrContains(line, '\t') ? '\t' : ',';
      refused = SplitFields(line, delimiter, &fields)
                    ? header(fields)
                    : MalformedError(path, 1, "the header line has an open quote");
      width = fields.size();
      return "";
    }
    if (!SplitFields(line, delimiter, &fields)) return "open quote";
    if (fields.size() != width) {
      return absl::StrCat("has ", fields.size(), " fields, the header ", width);
    }
    return parse(fields);
  });
  if (!refused.ok()) return refused;
  if (status.ok() && first) return MalformedError(path, 1, "the file is empty");
  return status;
}

bool SplitFields(absl::string_view line, char delimiter, Fields* fields) {
  fields->clear();
  std::string field;
  bool quoted = false, was_quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        field += line[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty() && !was_quoted) {
      quoted = was_quoted = true;
    } else if (c == delimiter) {
      fields->push_back(std::move(field));
      field.clear();
      was_quoted = false;
    } else {
      field += c;
    }
  }
  fields->push_back(std::move(field));
  return !quoted;
}

std::string ToUtf8(absl::string_view text) {
  if (IsUtf8(text)) return std::string(text);
  std::string utf8;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

int FindColumn(const Fields& header, std::initializer_list<absl::string_view> names) {
  for (const absl::string_view name : names) {
    for (size_t i = 0; i < header.size(); ++i) {
      if (absl::EqualsIgnoreCase(header[i], name)) return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace recsae::probe

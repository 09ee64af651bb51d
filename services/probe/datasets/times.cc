// Dates and times as files write them.
#include <array>
#include <cctype>
#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Seconds after the year 5000: what is larger is counted in thousandths, and so on.
constexpr double kLargestSeconds = 1e11;
constexpr size_t kLongestDate = 64;

// Words and numbers of a date in their order, and how they are parted.
struct Tokens {
  std::vector<absl::string_view> words;
  std::vector<char> before;  // the character before each; ' ' at the start
};

Tokens Tokenize(absl::string_view text) {
  Tokens tokens;
  for (size_t i = 0; i < text.size();) {
    const bool digit = absl::ascii_isdigit(text[i]);
    if (!digit && !absl::ascii_isalpha(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() &&
           (digit ? absl::ascii_isdigit(text[end]) : absl::ascii_isalpha(text[end]))) {
      ++end;
    }
    tokens.words.push_back(text.substr(i, end - i));
    tokens.before.push_back(i == 0 ? ' ' : text[i - 1]);
    i = end;
  }
  return tokens;
}

int MonthOf(absl::string_view word) {
  static constexpr std::array<absl::string_view, 12> kMonths = {
      "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
  for (size_t m = 0; word.size() >= 3 && m < kMonths.size(); ++m) {
    if (absl::StartsWithIgnoreCase(word, kMonths[m])) return static_cast<int>(m) + 1;
  }
  return 0;
}

struct Date {
  int year = 0, month = 0, day = 0;
  DateOrder order = DateOrder::kClear;
};

struct Clock {
  int hour = 0, minute = 0;
  double second = 0;
  int offset = 0;  // seconds east of Greenwich
};

// The time of day: the numbers that colons follow or lead, AM or PM, an offset. Takes what it reads
// out of `tokens`.
bool TakeClock(Tokens& tokens, Clock* clock) {
  Tokens left;
  int part = 0;  // hours, minutes, seconds, decimals read so far
  bool pm = false, am = false, ended = false;
  for (size_t i = 0; i < tokens.words.size(); ++i) {
    const absl::string_view word = tokens.words[i];
    const char before = tokens.before[i];
    const bool digit = absl::ascii_isdigit(word[0]);
    const bool colon_follows = i + 1 < tokens.words.size() && tokens.before[i + 1] == ':' &&
                               absl::ascii_isdigit(tokens.words[i + 1][0]);
    int number = 0;
    if (digit && !absl::SimpleAtoi(word, &number) && !(part == 3 && before == '.')) return false;
    if (digit && part > 0 &&
        (before == '+' || (before == '-' && (colon_follows || word.size() == 4)))) {
      int minutes = word.size() == 4 ? number % 100 : 0;
      const int hours = word.size() == 4 ? number / 100 : number;
      if (colon_follows && !absl::SimpleAtoi(tokens.words[++i], &minutes)) return false;
      clock->offset = (before == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
      ended = true;
    } else if (digit && part == 0 && colon_follows) {
      clock->hour = number, part = 1;
    } else if (digit && !ended && part == 1 && before == ':') {
      clock->minute = number, part = 2;
    } else if (digit && !ended && part == 2 && before == ':') {
      clock->second = number, part = 3;
    } else if (digit && !ended && part == 3 && (before == '.' || before == ',')) {
      clock->second += std::pow(10, -static_cast<double>(word.size())) *
                       std::strtod(std::string(word).c_str(), nullptr);
      ended = true;
    } else if (part > 0 &&
               (absl::EqualsIgnoreCase(word, "pm") || absl::EqualsIgnoreCase(word, "am"))) {
      (absl::EqualsIgnoreCase(word, "pm") ? pm : am) = true;
    } else {
      left.words.push_back(word);
      left.before.push_back(before);
    }
  }
  if (pm && clock->hour < 12) clock->hour += 12;
  if (am && clock->hour == 12) clock->hour = 0;
  tokens = std::move(left);
  return clock->hour < 25 && clock->minute < 60 && clock->second < 61;
}

// Three numbers, or two and the name of a month; other words (weekdays, T, Z, UTC) say nothing.
bool TakeDate(const Tokens& tokens, Date* date) {
  std::vector<absl::string_view> numbers;
  std::string before;  // each of them
  for (size_t i = 0; i < tokens.words.size(); ++i) {
    const absl::string_view word = tokens.words[i];
    if (absl::ascii_isdigit(word[0])) {
      numbers.push_back(word);
      before += tokens.before[i];
    } else if (const int month = MonthOf(word); month != 0 && date->month == 0) {
      date->month = month;
    }
  }
  std::array<int, 3> n = {};
  if (numbers.size() != (date->month != 0 ? 2U : 3U)) return false;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i].size() > 4 || !absl::SimpleAtoi(numbers[i], &n[i])) return false;
  }
  if (date->month != 0) {
    const bool year_first = numbers[0].size() == 4;
    date->year = n[year_first ? 0 : 1], date->day = n[year_first ? 1 : 0];
  } else if (numbers[0].size() == 4) {
    date->year = n[0], date->month = n[1], date->day = n[2];
  } else {
    // Where dots part them the day comes first; else what only a day can be tells.
    const bool dots = n[1] <= 12 && before[1] == '.' && before[2] == '.';
    const bool day_first = n[0] > 12 || dots;
    date->month = n[day_first ? 1 : 0], date->day = n[day_first ? 0 : 1], date->year = n[2];
    date->order = dots           ? DateOrder::kClear
                  : n[0] > 12    ? DateOrder::kDayFirst
                  : n[1] > 12    ? DateOrder::kMonthFirst
                  : n[0] == n[1] ? DateOrder::kClear
                                 : DateOrder::kAmbiguous;
  }
  if (date->year < 100) date->year += date->year < 70 ? 2000 : 1900;
  return date->month >= 1 && date->month <= 12 && date->day >= 1 && date->day <= 31;
}

// "2014-04-07" and "2014-04-07T10:51:09", which make up whole files; false for all else.
bool ParseIso(absl::string_view text, double* seconds) {
  const auto number = [&](size_t at, size_t digits, int* value) {
    *value = 0;
    for (size_t i = at; i < at + digits; ++i) {
      if (!absl::ascii_isdigit(text[i])) return false;
      *value = *value * 10 + (text[i] - '0');
    }
    return true;
  };
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() == 7 && text[4] == '-' && number(0, 4, &year) && number(5, 2, &month) &&
      month >= 1 && month <= 12) {
    *seconds = static_cast<double>(absl::CivilSecond(year, month) - absl::CivilSecond(1970, 1, 1));
    return true;
  }
  if (text.size() < 10 || text[4] != '-' || text[7] != '-' || !number(0, 4, &year) ||
      !number(5, 2, &month) || !number(8, 2, &day) || month < 1 || month > 12 || day < 1 ||
      day > 31) {
    return false;
  }
  double fraction = 0;
  int east = 0;  // of Greenwich, seconds
  if (text.size() > 10) {
    if (text.size() < 19 || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
        text[16] != ':' || !number(11, 2, &hour) || !number(14, 2, &minute) ||
        !number(17, 2, &second) || hour > 24 || minute > 59 || second > 60) {
      return false;
    }
    size_t at = 19;
    if (at < text.size() && text[at] == '.') {
      double unit = 0.1;
      for (++at; at < text.size() && absl::ascii_isdigit(text[at]); ++at, unit /= 10) {
        fraction += unit * (text[at] - '0');
      }
    }
    if (at < text.size() && text.substr(at) != "Z") {
      // "+02:00" or "+0200".
      const absl::string_view offset = text.substr(at);
      const bool colon = offset.size() == 6 && offset[3] == ':';
      int hours = 0, minutes = 0;
      if ((offset[0] != '+' && offset[0] != '-') || (!colon && offset.size() != 5) ||
          !number(at + 1, 2, &hours) || !number(at + (colon ? 4 : 3), 2, &minutes)) {
        return false;
      }
      east = (offset[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    }
  }
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  *seconds = static_cast<double>(civil - absl::CivilSecond(1970, 1, 1) - east) + fraction;
  return true;
}

bool ParseDate(absl::string_view text, double* seconds, DateOrder* order) {
  if (ParseIso(text, seconds)) return true;
  if (text.size() > kLongestDate) return false;
  Tokens tokens = Tokenize(text);
  Clock clock;
  Date date;
  if (!TakeClock(tokens, &clock) || !TakeDate(tokens, &date)) return false;
  *order = date.order;
  const absl::CivilSecond civil(date.year, date.month, date.day, clock.hour, clock.minute, 0);
  *seconds =
      static_cast<double>(civil - absl::CivilSecond(1970, 1, 1)) + clock.second - clock.offset;
  return true;
}

}  // namespace

bool ParseTime(absl::string_view text, double* seconds, DateOrder* order) {
  *order = DateOrder::kClear;
  text = absl::StripAsciiWhitespace(text);
  if (!ParseNumber(text, seconds)) {
    // "5,5" is a number where people write commas.
    const bool comma = text.find_first_not_of("0123456789,") == absl::string_view::npos;
    if (!comma || !ParseRating(text, seconds)) return ParseDate(text, seconds, order);
  }
  while (std::abs(*seconds) > kLargestSeconds && std::abs(*seconds) < 1e20) *seconds /= 1000;
  return true;
}

double WithDayAndMonthSwapped(double seconds) {
  const double whole = std::floor(seconds);
  const absl::CivilSecond read =
      absl::CivilSecond(1970, 1, 1) + static_cast<absl::civil_diff_t>(whole);
  if (read.day() > 12) return seconds;
  const absl::CivilSecond meant(read.year(), read.day(), read.month(), read.hour(), read.minute(),
                                read.second());
  return static_cast<double>(meant - absl::CivilSecond(1970, 1, 1)) + (seconds - whole);
}

}  // namespace recsae::probe

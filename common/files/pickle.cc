#include "common/files/pickle.h"

#include <bit>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/files/shown.h"

namespace recsae::pickle {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;
constexpr size_t kMostValues = 100'000;
constexpr char kOrderedDict[] = "collections.OrderedDict";

absl::Status Malformed(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kMalformed,
               absl::StrCat("not a pickle that can be read: ", what));
}

absl::Status NotPlain(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kNotPlain,
               absl::StrCat("it holds ", what,
                            "; tensors, numbers, text, lists and dicts alone are read, since other "
                            "pickles run code when they are loaded"));
}

// The machine that a pickle is a program of, as far as plain data needs it.
class Machine {
 public:
  Machine(absl::string_view bytes, bool (*is_known)(absl::string_view))
      : bytes_(bytes), is_known_(is_known) {}

  absl::StatusOr<Pickle> Run() {
    while (true) {
      RECSAE_ASSIGN_OR_RETURN(const absl::string_view code, Take(1));
      if (code[0] == '.') break;
      RECSAE_RETURN_IF_ERROR(Step(static_cast<uint8_t>(code[0])));
    }
    if (stack_.size() != 1 || !marks_.empty()) return Malformed("it does not end with one value");
    pickle_.root = stack_[0];
    return std::move(pickle_);
  }

 private:
  absl::StatusOr<absl::string_view> Take(size_t count) {
    if (count > bytes_.size() - at_) return Malformed("it is cut off");
    const absl::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }

  template <typename T>
  absl::StatusOr<T> TakeNumber() {
    RECSAE_ASSIGN_OR_RETURN(const absl::string_view bytes, Take(sizeof(T)));
    T value{};
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  absl::StatusOr<absl::string_view> TakeLine() {
    const size_t end = bytes_.find('\n', at_);
    if (end == absl::string_view::npos) return Malformed("it is cut off");
    const absl::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  absl::StatusOr<Value*> New(Kind kind) {
    if (pickle_.values.size() >= kMostValues) {
      return Malformed(absl::StrCat("it has more than ", kMostValues, " values"));
    }
    pickle_.values.emplace_back();
    Value* value = &pickle_.values.back();
    value->kind = kind;
    stack_.push_back(value);
    return value;
  }

  absl::Status PushInt(int64_t number, Kind kind = Kind::kInt) {
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(kind));
    value->number = number;
    return absl::OkStatus();
  }

  absl::Status PushText(absl::string_view text) {
    if (!IsUtf8(text)) return Malformed("text that is not UTF-8");
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(Kind::kText));
    value->text = std::string(text);
    return absl::OkStatus();
  }

  // A whole number, two's complement, little-endian.
  absl::Status PushLong(size_t bytes) {
    RECSAE_ASSIGN_OR_RETURN(const absl::string_view digits, Take(bytes));
    if (bytes > 8) return NotPlain("a whole number above 64 bits");
    uint64_t number = bytes > 0 && (digits.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    for (size_t i = bytes; i-- > 0;) number = number << 8 | static_cast<uint8_t>(digits[i]);
    return PushInt(static_cast<int64_t>(number));
  }

  absl::Status PushReal() {
    RECSAE_ASSIGN_OR_RETURN(const absl::string_view bytes, Take(8));
    uint64_t bits = 0;
    for (const char byte : bytes) bits = bits << 8 | static_cast<uint8_t>(byte);
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(Kind::kFloat));
    value->real = std::bit_cast<double>(bits);
    return absl::OkStatus();
  }

  absl::Status PushGlobal(absl::string_view module, absl::string_view name) {
    const std::string global = absl::StrCat(module, ".", name);
    if (!is_known_(global)) return NotPlain(absl::StrCat("an object of ", Shown(global)));
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(Kind::kGlobal));
    value->text = global;
    return absl::OkStatus();
  }

  // Where values may be taken from: not below the last mark.
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  absl::StatusOr<Value*> Pop() {
    if (stack_.size() <= Floor()) return Malformed("a value is missing");
    Value* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  absl::StatusOr<std::vector<const Value*>> PopToMark() {
    if (marks_.empty()) return Malformed("a mark is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const Value*> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }

  absl::StatusOr<std::vector<const Value*>> PopSome(size_t count) {
    std::vector<const Value*> values(count);
    for (size_t i = count; i-- > 0;) {
      RECSAE_ASSIGN_OR_RETURN(values[i], Pop());
    }
    return values;
  }

  absl::Status PushSequence(absl::StatusOr<std::vector<const Value*>> items) {
    if (!items.ok()) return items.status();
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(Kind::kSequence));
    value->items = *std::move(items);
    return absl::OkStatus();
  }

  // Puts values into the container below them.
  absl::Status Fill(Kind kind, absl::StatusOr<std::vector<const Value*>> items) {
    if (!items.ok()) return items.status();
    if (stack_.size() <= Floor()) return Malformed("a value is missing");
    Value* container = stack_.back();
    if (container->kind != kind || (kind == Kind::kDict && items->size() % 2 != 0)) {
      return NotPlain("values that are put into something else than a list or dict");
    }
    container->items.insert(container->items.end(), items->begin(), items->end());
    return absl::OkStatus();
  }

  absl::Status Persist() {
    RECSAE_ASSIGN_OR_RETURN(const Value* id, Pop());
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(Kind::kPersistent));
    value->items = {id};
    return absl::OkStatus();
  }

  // OrderedDict() and OrderedDict([[key, value], …]) are dicts; other calls are left to the reader.
  absl::Status Reduce() {
    RECSAE_ASSIGN_OR_RETURN(const Value* arguments, Pop());
    RECSAE_ASSIGN_OR_RETURN(const Value* function, Pop());
    if (function->kind != Kind::kGlobal || arguments->kind != Kind::kSequence) {
      return NotPlain("a call of something that is no function");
    }
    const bool dict = function->text == kOrderedDict;
    RECSAE_ASSIGN_OR_RETURN(Value * value, New(dict ? Kind::kDict : Kind::kCall));
    // A few bytes can ask for a copy of a long list, again and again.
    copied_ += arguments->items.size();
    if (dict && !arguments->items.empty()) copied_ += 2 * arguments->items[0]->items.size();
    if (copied_ > kMostValues) return Malformed("its calls have too many arguments");
    if (!dict) {
      value->text = function->text;
      value->items = arguments->items;
      return absl::OkStatus();
    }
    if (arguments->items.empty()) return absl::OkStatus();
    for (const Value* pair : arguments->items[0]->items) {
      if (pair->kind != Kind::kSequence || pair->items.size() != 2) {
        return NotPlain("an OrderedDict of something else than pairs");
      }
      value->items.insert(value->items.end(), pair->items.begin(), pair->items.end());
    }
    return absl::OkStatus();
  }

  // Attributes of an object. A state dict has _metadata, which says nothing of its values.
  absl::Status Build() {
    RECSAE_RETURN_IF_ERROR(Pop().status());
    if (stack_.size() <= Floor() || stack_.back()->kind != Kind::kDict) {
      return NotPlain("an object with attributes of its own");
    }
    return absl::OkStatus();
  }

  absl::Status Remember(uint32_t place) {
    if (stack_.size() <= Floor()) return Malformed("a value is missing");
    if (memo_.size() >= kMostValues) return Malformed("it remembers too many values");
    memo_[place] = stack_.back();
    return absl::OkStatus();
  }

  absl::Status Recall(uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) return Malformed("it refers to a value that is not there");
    stack_.push_back(found->second);
    return absl::OkStatus();
  }

  absl::Status Step(uint8_t code);
  absl::Status StepOfText(uint8_t code);

  const absl::string_view bytes_;
  bool (*const is_known_)(absl::string_view);
  size_t at_ = 0;
  size_t copied_ = 0;
  Pickle pickle_;
  std::vector<Value*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Value*> memo_;
};

absl::Status Machine::StepOfText(uint8_t code) {
  size_t length = 0;
  if (code == 'X' || code == 'T') {
    RECSAE_ASSIGN_OR_RETURN(length, TakeNumber<uint32_t>());
  } else {
    RECSAE_ASSIGN_OR_RETURN(length, TakeNumber<uint8_t>());
  }
  RECSAE_ASSIGN_OR_RETURN(const absl::string_view text, Take(length));
  return PushText(text);
}

// The operations of the protocol, by the letters of Python's pickletools.
absl::Status Machine::Step(uint8_t code) {
  switch (code) {
    case 0x80:  // PROTO
      return Take(1).status();
    case 0x95:  // FRAME
      return Take(8).status();
    case '(':  // MARK
      if (marks_.size() >= kMostValues) return Malformed("it nests too deep");
      marks_.push_back(stack_.size());
      return absl::OkStatus();
    case 'N':
      return New(Kind::kNone).status();
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      return PushInt(code == 0x88 ? 1 : 0, Kind::kBool);
    case 'J': {  // BININT
      RECSAE_ASSIGN_OR_RETURN(const int32_t number, TakeNumber<int32_t>());
      return PushInt(number);
    }
    case 'K': {  // BININT1
      RECSAE_ASSIGN_OR_RETURN(const uint8_t number, TakeNumber<uint8_t>());
      return PushInt(number);
    }
    case 'M': {  // BININT2
      RECSAE_ASSIGN_OR_RETURN(const uint16_t number, TakeNumber<uint16_t>());
      return PushInt(number);
    }
    case 0x8a: {  // LONG1
      RECSAE_ASSIGN_OR_RETURN(const uint8_t bytes, TakeNumber<uint8_t>());
      return PushLong(bytes);
    }
    case 'G':  // BINFLOAT
      return PushReal();
    case 'X':   // BINUNICODE
    case 'T':   // BINSTRING
    case 'U':   // SHORT_BINSTRING
    case 0x8c:  // SHORT_BINUNICODE
      return StepOfText(code);
    case '}':
      return New(Kind::kDict).status();
    case ']':
    case ')':
      return New(Kind::kSequence).status();
    case 't':  // TUPLE
    case 'l':  // LIST
      return PushSequence(PopToMark());
    case 0x85:  // TUPLE1 to TUPLE3
    case 0x86:
    case 0x87:
      return PushSequence(PopSome(code - 0x84u));
    case 'a':
      return Fill(Kind::kSequence, PopSome(1));
    case 'e':
      return Fill(Kind::kSequence, PopToMark());
    case 's':
      return Fill(Kind::kDict, PopSome(2));
    case 'u':
      return Fill(Kind::kDict, PopToMark());
    case 'q':  // BINPUT
    case 'h': {
      RECSAE_ASSIGN_OR_RETURN(const uint8_t place, TakeNumber<uint8_t>());
      return code == 'q' ? Remember(place) : Recall(place);
    }
    case 'r':  // LONG_BINPUT
    case 'j': {
      RECSAE_ASSIGN_OR_RETURN(const uint32_t place, TakeNumber<uint32_t>());
      return code == 'r' ? Remember(place) : Recall(place);
    }
    case 0x94:  // MEMOIZE
      return Remember(static_cast<uint32_t>(memo_.size()));
    case 'c': {  // GLOBAL
      RECSAE_ASSIGN_OR_RETURN(const absl::string_view module, TakeLine());
      RECSAE_ASSIGN_OR_RETURN(const absl::string_view name, TakeLine());
      return PushGlobal(module, name);
    }
    case 0x93: {  // STACK_GLOBAL
      RECSAE_ASSIGN_OR_RETURN(const Value* name, Pop());
      RECSAE_ASSIGN_OR_RETURN(const Value* module, Pop());
      return PushGlobal(module->text, name->text);
    }
    case 'Q':  // BINPERSID
      return Persist();
    case 'R':
      return Reduce();
    case 'b':
      return Build();
    default:
      return NotPlain(
          absl::StrCat("the operation 0x", absl::Hex(code, absl::kZeroPad2), " of pickles"));
  }
}

}  // namespace

absl::StatusOr<Pickle> Parse(absl::string_view bytes, bool (*is_known)(absl::string_view global)) {
  if (bytes.size() > kMostBytes) {
    return Malformed(absl::StrCat("it has ", bytes.size(), " bytes, above ", kMostBytes));
  }
  return Machine(bytes, is_known).Run();
}

}  // namespace recsae::pickle

#include "common/files/torch_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/files/pickle.h"
#include "common/files/shown.h"
#include "common/files/values.h"
#include "common/files/zip.h"

namespace recsae::torch_file {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr char kData[] = "data.pkl";
constexpr char kNote[] = "recsae.json";
constexpr char kRebuildTensor[] = "torch._utils._rebuild_tensor_v2";
constexpr char kRebuildTensor1[] = "torch._utils._rebuild_tensor";
constexpr char kRebuildParameter[] = "torch._utils._rebuild_parameter";
constexpr size_t kMostDimensions = 8;
constexpr int kDeepest = 8;
constexpr uint64_t kMostGrowth = 4;
constexpr uint64_t kAlwaysTaken = uint64_t{64} << 20;

absl::Status Malformed(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kMalformed,
               absl::StrCat("not a file of torch.save that can be read: ", what));
}

// The types of torch's storages.
struct StorageType {
  absl::string_view name;
  size_t bytes;
  void (*read)(const char* bytes, absl::Span<float> values);
};

template <typename Stored>
void ReadAs(const char* bytes, absl::Span<float> values) {
  ReadValues<Stored>(bytes, values, [](Stored value) { return static_cast<float>(value); });
}

const StorageType kTypes[] = {
    {"torch.FloatStorage", 4, ReadAs<float>},
    {"torch.DoubleStorage", 8, ReadAs<double>},
    {"torch.HalfStorage", 2,
     [](const char* bytes, absl::Span<float> values) {
       ReadValues<uint16_t>(bytes, values, FromHalf);
     }},
    {"torch.BFloat16Storage", 2,
     [](const char* bytes, absl::Span<float> values) {
       ReadValues<uint16_t>(bytes, values, FromBfloat16);
     }},
    {"torch.LongStorage", 8, ReadAs<int64_t>},
    {"torch.IntStorage", 4, ReadAs<int32_t>},
    {"torch.ShortStorage", 2, ReadAs<int16_t>},
    {"torch.CharStorage", 1, ReadAs<int8_t>},
    {"torch.ByteStorage", 1, ReadAs<uint8_t>},
    {"torch.BoolStorage", 1, ReadAs<uint8_t>},
};

const StorageType* FindType(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const StorageType& type) { return type.name == name; });
  return found == std::end(kTypes) ? nullptr : found;
}

bool IsKnown(absl::string_view global) {
  return global == "collections.OrderedDict" || global == kRebuildTensor ||
         global == kRebuildTensor1 || global == kRebuildParameter || global == "torch.Size" ||
         FindType(global) != nullptr;
}

// Where the values of a tensor lie in its storage.
struct Layout {
  uint64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  uint64_t count = 1;
};

bool ReadSizes(const Value& value, std::vector<int64_t>& sizes) {
  const Value* sequence = &value;
  if (value.kind == Kind::kCall && value.items.size() == 1)
    sequence = value.items[0];  // torch.Size
  if (sequence->kind != Kind::kSequence || sequence->items.size() > kMostDimensions) return false;
  for (const Value* size : sequence->items) {
    if (size->kind != Kind::kInt || size->number < 0) return false;
    sizes.push_back(size->number);
  }
  return true;
}

// Nothing if a value would lie outside a storage of so many.
std::optional<Layout> ReadLayout(absl::Span<const Value* const> arguments, uint64_t storage) {
  Layout layout;
  if (arguments[1]->kind != Kind::kInt || arguments[1]->number < 0 ||
      !ReadSizes(*arguments[2], layout.shape) || !ReadSizes(*arguments[3], layout.strides) ||
      layout.shape.size() != layout.strides.size()) {
    return std::nullopt;
  }
  layout.offset = static_cast<uint64_t>(arguments[1]->number);
  for (const int64_t size : layout.shape) {
    if (size > 0 && layout.count > storage / static_cast<uint64_t>(size)) return std::nullopt;
    layout.count *= static_cast<uint64_t>(size);
  }
  if (layout.count == 0) return layout;
  if (layout.offset >= storage) return std::nullopt;
  uint64_t last = layout.offset;
  for (size_t i = 0; i < layout.shape.size(); ++i) {
    const auto steps = static_cast<uint64_t>(layout.shape[i] - 1);
    const auto stride = static_cast<uint64_t>(layout.strides[i]);
    if (steps > 0 && stride > (storage - 1 - last) / steps) return std::nullopt;
    last += steps * stride;
  }
  return layout;
}

// Row by row, each as a step through the storage.
void ReadStrided(const StorageType& type, absl::string_view storage, const Layout& layout,
                 absl::Span<float> values) {
  const size_t rank = layout.shape.size();
  const auto inner = rank == 0 ? size_t{1} : static_cast<size_t>(layout.shape[rank - 1]);
  const size_t step = rank == 0 ? 1 : static_cast<size_t>(layout.strides[rank - 1]);
  std::vector<int64_t> place(rank, 0);
  size_t at = layout.offset;
  for (size_t done = 0; done < values.size(); done += inner) {
    if (step == 1) {
      type.read(storage.data() + at * type.bytes, values.subspan(done, inner));
    } else {
      for (size_t i = 0; i < inner; ++i) {
        type.read(storage.data() + (at + i * step) * type.bytes, values.subspan(done + i, 1));
      }
    }
    for (size_t i = rank < 2 ? 0 : rank - 1; i-- > 0;) {
      at += static_cast<size_t>(layout.strides[i]);
      if (++place[i] < layout.shape[i]) break;
      at -= static_cast<size_t>(layout.strides[i] * layout.shape[i]);
      place[i] = 0;
    }
  }
}

class Reader {
 public:
  explicit Reader(size_t file_bytes)
      : left_(std::max<uint64_t>(kMostGrowth * file_bytes, kAlwaysTaken)) {}

  absl::StatusOr<File> Read(absl::string_view bytes) {
    RECSAE_ASSIGN_OR_RETURN(entries_, zip::List(bytes));
    const auto data = std::find_if(entries_.begin(), entries_.end(), [](const zip::Entry& entry) {
      return entry.name == kData || absl::EndsWith(entry.name, absl::StrCat("/", kData));
    });
    if (data == entries_.end()) return Malformed("the archive has no data.pkl");
    folder_ = std::string(absl::StripSuffix(data->name, kData));
    RECSAE_RETURN_IF_ERROR(CheckByteOrder());
    RECSAE_ASSIGN_OR_RETURN(const std::string text, zip::Read(*data));
    RECSAE_ASSIGN_OR_RETURN(const pickle::Pickle pickled, pickle::Parse(text, IsKnown));
    if (pickled.root->kind != Kind::kDict) {
      return Malformed("it holds no dict; save one with torch.save(model.state_dict(), path)");
    }
    RECSAE_RETURN_IF_ERROR(AddDict(*pickled.root, "", 0));
    if (const zip::Entry* note = Find(kNote)) {
      RECSAE_ASSIGN_OR_RETURN(file_.note, zip::Read(*note));
    }
    return std::move(file_);
  }

 private:
  const zip::Entry* Find(absl::string_view name) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return entry.name == absl::StrCat(folder_, name);
    });
    return found == entries_.end() ? nullptr : &*found;
  }

  absl::Status CheckByteOrder() {
    const zip::Entry* entry = Find("byteorder");
    if (entry == nullptr) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(const std::string order, zip::Read(*entry));
    if (order == "little") return absl::OkStatus();
    return Malformed(
        absl::StrCat("its values are in byte order ", Quoted(order), ", must be little"));
  }

  absl::Status AddDict(const Value& dict, const std::string& prefix, int depth) {
    if (depth > kDeepest) return Malformed("its dicts nest too deep");
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      // A dict may be in many others.
      if (++visited_ > 100'000) return Malformed("it has too many values");
      const Value& key = *dict.items[i];
      // Settings of optimisers have numbers for keys: nothing of an SAE.
      if (key.kind != Kind::kText) continue;
      if (key.text.size() + prefix.size() > 1000) return Malformed("a name is too long");
      RECSAE_RETURN_IF_ERROR(AddValue(*dict.items[i + 1], absl::StrCat(prefix, key.text), depth));
    }
    return absl::OkStatus();
  }

  absl::Status AddValue(const Value& value, const std::string& name, int depth) {
    switch (value.kind) {
      case Kind::kDict:
        return AddDict(value, name + ".", depth + 1);
      case Kind::kBool:
      case Kind::kInt:
        file_.numbers[name] = static_cast<double>(value.number);
        return absl::OkStatus();
      case Kind::kFloat:
        file_.numbers[name] = value.real;
        return absl::OkStatus();
      case Kind::kText:
        file_.texts[name] = value.text;
        return absl::OkStatus();
      case Kind::kCall:
        return AddCall(value, name);
      default:
        return absl::OkStatus();
    }
  }

  absl::Status AddCall(const Value& call, const std::string& name) {
    if (call.text == kRebuildParameter) {
      if (call.items.empty() || call.items[0]->kind != Kind::kCall ||
          call.items[0]->text == kRebuildParameter) {
        return Malformed(absl::StrCat("parameter ", Quoted(name), " has no tensor"));
      }
      return AddCall(*call.items[0], name);
    }
    if (call.text == "torch.Size") return absl::OkStatus();
    if (call.items.size() < 4) {
      return Malformed(absl::StrCat("tensor ", Quoted(name), " says too little of itself"));
    }
    RECSAE_ASSIGN_OR_RETURN(const Storage storage, FindStorage(*call.items[0], name));
    const uint64_t available = storage.bytes.size() / storage.type->bytes;
    const std::optional<Layout> layout = ReadLayout(call.items, available);
    if (!layout) {
      return Malformed(absl::StrCat("tensor ", Quoted(name), " does not fit its storage of ",
                                    available, " values"));
    }
    if (layout->count > left_ / sizeof(float)) {
      return Malformed("its tensors are far larger than the file: they share their values");
    }
    left_ -= layout->count * sizeof(float);
    safetensors::Tensor tensor{layout->shape, std::vector<float>(layout->count)};
    ReadStrided(*storage.type, storage.bytes, *layout, absl::MakeSpan(tensor.values));
    const auto bad = std::find_if_not(tensor.values.begin(), tensor.values.end(),
                                      [](float value) { return std::isfinite(value); });
    if (bad != tensor.values.end()) {
      return Malformed(absl::StrCat("value ", bad - tensor.values.begin(), " of tensor ",
                                    Quoted(name), " is no finite float32"));
    }
    file_.tensors[name] = std::move(tensor);
    return absl::OkStatus();
  }

  struct Storage {
    const StorageType* type;
    absl::string_view bytes;
  };

  // ("storage", torch.FloatStorage, "0", "cpu", 12).
  absl::StatusOr<Storage> FindStorage(const Value& value, const std::string& name) {
    const bool persistent = value.kind == Kind::kPersistent;
    const Value* id = persistent ? value.items[0] : &value;
    if (!persistent || id->kind != Kind::kSequence || id->items.size() < 5 ||
        id->items[1]->kind != Kind::kGlobal || id->items[2]->kind != Kind::kText) {
      return Malformed(absl::StrCat("tensor ", Quoted(name), " has no storage"));
    }
    const StorageType* type = FindType(id->items[1]->text);
    if (type == nullptr) {
      return Malformed(absl::StrCat("tensor ", Quoted(name), " is of ", Quoted(id->items[1]->text),
                                    ", which is no type of numbers"));
    }
    const std::string& key = id->items[2]->text;
    const auto read = storages_.find(key);
    if (read != storages_.end()) return Storage{type, read->second};
    const zip::Entry* entry = Find(absl::StrCat("data/", key));
    if (entry == nullptr) {
      return Malformed(absl::StrCat("the values of tensor ", Quoted(name), " (data/", key,
                                    ") are not in the archive"));
    }
    RECSAE_ASSIGN_OR_RETURN(storages_[key], zip::Read(*entry));
    return Storage{type, storages_[key]};
  }

  std::vector<zip::Entry> entries_;
  std::string folder_;
  std::map<std::string, std::string> storages_;
  uint64_t left_;
  size_t visited_ = 0;
  File file_;
};

// ---- writing

// The pickle of a dict of tensors, in protocol 2, without a memo.
class Pickler {
 public:
  Pickler() : out_("\x80\x02}(") {}

  void Add(const std::string& name, const safetensors::Tensor& tensor, bool whole) {
    Text(name);
    Global("torch._utils", "_rebuild_tensor_v2");
    out_ += "((";
    Text("storage");
    Global("torch", whole ? "IntStorage" : "FloatStorage");
    Text(absl::StrCat(tensors_++));
    Text("cpu");
    Int(static_cast<int64_t>(tensor.values.size()));
    out_ += "tQ";
    Int(0);
    std::vector<int64_t> strides(tensor.shape.size());
    int64_t stride = 1;
    for (size_t i = strides.size(); i-- > 0; stride *= tensor.shape[i]) strides[i] = stride;
    Sizes(tensor.shape);
    Sizes(strides);
    out_ += "\x89";  // requires no gradient
    Global("collections", "OrderedDict");
    out_ += ")RtR";
  }

  std::string Finish() { return out_ + "u."; }

 private:
  void Text(absl::string_view text) {
    out_ += 'X';
    Number(text.size(), 4);
    absl::StrAppend(&out_, text);
  }
  void Global(absl::string_view module, absl::string_view name) {
    absl::StrAppend(&out_, "c", module, "\n", name, "\n");
  }
  void Int(int64_t value) {
    out_ += "\x8a\x08";
    Number(static_cast<uint64_t>(value), 8);
  }
  void Sizes(const std::vector<int64_t>& sizes) {
    out_ += '(';
    for (const int64_t size : sizes) Int(size);
    out_ += 't';
  }
  void Number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i));
  }

  std::string out_;
  int tensors_ = 0;
};

}  // namespace

absl::StatusOr<File> Parse(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, "PK")) {
    return Malformed(
        "it is no zip archive; files from before torch 1.6 become one with torch.save(torch.load("
        "path, weights_only=True), path)");
  }
  return Reader(bytes.size()).Read(bytes);
}

absl::StatusOr<std::string> Serialize(const File& file) {
  Pickler pickler;
  const auto is_whole = [&](const std::string& name) {
    return std::find(file.whole.begin(), file.whole.end(), name) != file.whole.end();
  };
  for (const auto& [name, tensor] : file.tensors) pickler.Add(name, tensor, is_whole(name));
  zip::Writer archive;
  archive.Add("archive/data.pkl", pickler.Finish());
  archive.Add("archive/byteorder", "little");
  int key = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const size_t bytes = tensor.values.size() * sizeof(float);
    const std::string place = absl::StrCat("archive/data/", key++);
    if (is_whole(name)) {
      std::vector<int32_t> whole(tensor.values.begin(), tensor.values.end());
      archive.Add(place, {reinterpret_cast<const char*>(whole.data()), bytes});
    } else {
      archive.Add(place, {reinterpret_cast<const char*>(tensor.values.data()), bytes});
    }
  }
  archive.Add("archive/version", "3\n");
  if (!file.note.empty()) archive.Add(absl::StrCat("archive/", kNote), file.note);
  return archive.Finish();
}

}  // namespace recsae::torch_file

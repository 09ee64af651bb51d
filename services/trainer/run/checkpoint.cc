#include "services/trainer/run/checkpoint.h"

#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/sae/trainer.h"

namespace recsae::trainer {
namespace {

// "RTCP" and the version of the layout. The one before ends without the rows of an epoch, the one
// before that without the uids of captures too.
constexpr uint64_t kMagic = 0x0000'0004'5043'5452;
constexpr uint64_t kMagicWithoutEpoch = 0x0000'0003'5043'5452;
constexpr uint64_t kMagicWithoutUids = 0x0000'0002'5043'5452;

bool IsKnown(uint64_t magic) {
  return magic == kMagic || magic == kMagicWithoutEpoch || magic == kMagicWithoutUids;
}

// Room for all the numbers of a variant, or before the first.
constexpr size_t kSmallBytes = 256;

class Writer {
 public:
  template <typename T>
  void operator()(const T& value) {
    static_assert(std::is_arithmetic_v<T>);
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void operator()(const std::string& bytes) {
    (*this)(static_cast<uint64_t>(bytes.size()));
    out.append(bytes);
  }
  // As if its state were such a string.
  void operator()(const sae::Trainer& trainer) {
    (*this)(static_cast<uint64_t>(trainer.StateBytes()));
    trainer.AppendState(&out);
  }
  std::string out;
};

// Values stay as they are once the bytes have run out.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : in(bytes) {}
  template <typename T>
  void operator()(T& value) {
    static_assert(std::is_arithmetic_v<T>);
    const absl::string_view bytes = Take(sizeof(value));
    if (good) std::memcpy(&value, bytes.data(), sizeof(value));
  }
  void operator()(std::string& bytes) {
    uint64_t size = 0;
    (*this)(size);
    bytes = std::string(Take(size));
  }
  absl::string_view in;
  bool good = true;

 private:
  absl::string_view Take(uint64_t count) {
    good = good && count <= in.size();
    if (!good) return {};
    const absl::string_view taken = in.substr(0, count);
    in.remove_prefix(count);
    return taken;
  }
};

template <typename Archive, typename Header>
void VisitHeader(Archive& archive, Header& checkpoint, auto& magic, auto& variants) {
  archive(magic);
  archive(checkpoint.rows);
  archive(checkpoint.dim);
  archive(checkpoint.seconds);
  archive(checkpoint.nonce);
  archive(checkpoint.position);
  archive(checkpoint.trained);
  archive(variants);
}

// Everything behind the trainer's state.
template <typename Archive, typename Variant>
void VisitVariant(Archive& archive, Variant& variant) {
  archive(variant.step_seconds);
  archive(variant.steps);
  archive(variant.early_stop.rows);
  archive(variant.early_stop.epoch);
  archive(variant.early_stop.best_epoch);
  archive(variant.early_stop.best);
  archive(variant.early_stop.stale);
  archive(variant.early_stop.best_weights);
  archive(variant.early_stop.ended);
}

bool ReadUids(Reader& reader, Checkpoint& checkpoint) {
  uint32_t captures = 0;
  reader(captures);
  for (uint32_t i = 0; reader.good && i < captures; ++i) {
    std::string name;
    reader(name);
    reader(checkpoint.capture_uids[name]);
  }
  return reader.good;
}

}  // namespace

std::string Encode(const Checkpoint& checkpoint, const std::vector<const sae::Trainer*>& trainers) {
  const auto trainer = [&](size_t i) { return i < trainers.size() ? trainers[i] : nullptr; };
  size_t large = 0;  // bytes of what may be
  for (size_t i = 0; i < checkpoint.variants.size(); ++i) {
    const Checkpoint::Variant& variant = checkpoint.variants[i];
    large += variant.early_stop.best_weights.size();
    large +=
        trainer(i) ? static_cast<size_t>(trainer(i)->StateBytes()) : variant.trainer_state.size();
  }
  Writer writer;
  for (const auto& [name, uid] : checkpoint.capture_uids) large += name.size() + uid.size() + 16;
  writer.out.reserve(large + kSmallBytes * (checkpoint.variants.size() + 1));
  const auto variants = static_cast<uint32_t>(checkpoint.variants.size());
  VisitHeader(writer, checkpoint, kMagic, variants);
  for (size_t i = 0; i < checkpoint.variants.size(); ++i) {
    if (trainer(i) != nullptr) {
      writer(*trainer(i));
    } else {
      writer(checkpoint.variants[i].trainer_state);
    }
    VisitVariant(writer, checkpoint.variants[i]);
  }
  writer(static_cast<uint32_t>(checkpoint.capture_uids.size()));
  for (const auto& [name, uid] : checkpoint.capture_uids) {
    writer(name);
    writer(uid);
  }
  writer(checkpoint.distinct_rows);
  writer(checkpoint.epoch_rows);
  return std::move(writer.out);
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view bytes) {
  Reader reader(bytes);
  Checkpoint checkpoint;
  uint64_t magic = 0;
  uint32_t variants = 0;
  VisitHeader(reader, checkpoint, magic, variants);
  bool good = reader.good && IsKnown(magic) && checkpoint.rows >= 1 && checkpoint.dim >= 1 &&
              checkpoint.position >= 0;
  for (uint32_t i = 0; good && i < variants; ++i) {
    Checkpoint::Variant& variant = checkpoint.variants.emplace_back();
    reader(variant.trainer_state);
    VisitVariant(reader, variant);
    good = reader.good;
  }
  if (good && magic != kMagicWithoutUids) good = ReadUids(reader, checkpoint);
  checkpoint.epoch_rows = checkpoint.rows;
  if (magic == kMagic) {
    reader(checkpoint.distinct_rows);
    reader(checkpoint.epoch_rows);
    good = good && reader.good && checkpoint.distinct_rows >= 0 && checkpoint.epoch_rows >= 1;
  }
  if (good && reader.in.empty()) return checkpoint;
  return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
               absl::StrCat("the checkpoint of ", bytes.size(),
                            " bytes is not one of this version; start the training again"));
}

}  // namespace recsae::trainer

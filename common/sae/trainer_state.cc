// Trainer::SaveState and Restore: a header, then every field in a fixed order.
#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/sae/trainer.h"

namespace recsae::sae {
namespace {

// "RSAE" and the version of the layout, in the upper half; of version 2 there was no annealing of
// k, and of 3 one way to begin and one rate.
constexpr uint64_t kMagic = 0x0000'0000'4541'5352;
constexpr uint64_t kVersion = 4;
constexpr uint64_t kOldestVersion = 2;
constexpr int kVersionBits = 32;

// Appends to a string, or only counts.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}
  template <typename T>
  void Value(const T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    Bytes(&value, sizeof(value));
  }
  // An array whose size follows from what came before.
  template <typename T>
  void Array(const std::vector<T>& values) {
    Bytes(values.data(), values.size() * sizeof(T));
  }
  // An array with its size before it.
  template <typename T>
  void List(const std::vector<T>& values) {
    Value(static_cast<uint64_t>(values.size()));
    Array(values);
  }
  size_t size() const { return size_; }

 private:
  void Bytes(const void* from, size_t count) {
    size_ += count;
    if (out_ != nullptr) out_->append(static_cast<const char*>(from), count);
  }

  std::string* const out_;
  size_t size_ = 0;
};

class Reader {
 public:
  explicit Reader(absl::string_view in) : in_(in) {}
  template <typename T>
  void Value(T& value) {
    Bytes(&value, sizeof(value));
  }
  template <typename T>
  void Array(std::vector<T>& values) {
    Bytes(values.data(), values.size() * sizeof(T));
  }
  template <typename T>
  void List(std::vector<T>& values) {
    uint64_t size = 0;
    Value(size);
    good_ = good_ && size <= in_.size() / sizeof(T);
    values.resize(good_ ? size : 0);
    Array(values);
  }
  // Every byte was there and none is left.
  bool Complete() const { return good_ && in_.empty(); }
  bool good() const { return good_; }
  size_t left() const { return in_.size(); }

 private:
  void Bytes(void* to, size_t count) {
    good_ = good_ && in_.size() >= count;
    if (!good_ || count == 0) return;
    std::memcpy(to, in_.data(), count);
    in_.remove_prefix(count);
  }
  absl::string_view in_;
  bool good_ = true;
};

template <typename Archive, typename Config>
void VisitConfig(Archive& archive, Config& config, uint64_t version) {
  archive.Value(config.latents);
  archive.Value(config.k);
  if (version >= 3) {
    archive.Value(config.k_anneal_from);
    archive.Value(config.k_anneal_fraction);
  }
  if (version >= 4) {
    archive.Value(config.initial_decoder);
    archive.Value(config.decoder_rate);
  }
  archive.Value(config.architecture);
  archive.Value(config.encoder_bias);
  archive.Value(config.normalise_inputs);
  archive.Value(config.unit_norm_decoder);
  archive.List(config.matryoshka_prefixes);
  archive.Value(config.sparsity_weight);
  archive.Value(config.bandwidth);
  archive.Value(config.initial_threshold);
  archive.Value(config.revival);
  archive.Value(config.resample_every_rows);
  archive.Value(config.decay_shape);
  archive.Value(config.aux_weight);
  archive.Value(config.aux_k);
  archive.Value(config.dead_after_rows);
  archive.Value(config.learning_rate);
  archive.Value(config.beta1);
  archive.Value(config.beta2);
  archive.Value(config.epsilon);
  archive.Value(config.warmup_fraction);
  archive.Value(config.decay_fraction);
  archive.Value(config.clip_norm);
  archive.Value(config.batch_rows);
  archive.Value(config.seed);
}

absl::Status Damaged(absl::string_view state, absl::string_view how) {
  return Error(absl::StatusCode::kDataLoss, "TRAINING_STATE_DAMAGED",
               absl::StrCat("training state of ", state.size(), " bytes: ", how));
}

}  // namespace

// Everything after header, dim and configuration.
template <typename Archive, typename Self>
void Trainer::Visit(Archive& archive, Self& self) {
  archive.Value(self.variance_);
  archive.Value(self.total_steps_);
  archive.Value(self.steps_);
  archive.Value(self.rows_seen_);
  archive.Value(self.sparsity_weight_);
  archive.Value(self.weights_.input_scale);
  archive.Array(self.weights_.encoder);
  archive.Array(self.weights_.encoder_bias);
  archive.Array(self.weights_.decoder);
  archive.Array(self.weights_.pre_bias);
  archive.Array(self.weights_.threshold);
  for (auto* moments : {&self.first_, &self.second_}) {
    archive.Array(moments->encoder);
    archive.Array(moments->encoder_bias);
    archive.Array(moments->decoder);
    archive.Array(moments->pre_bias);
    archive.Array(moments->threshold);
  }
  archive.Array(self.idle_rows_);
}

template <typename Writer>
void Trainer::Write(Writer& writer) const {
  writer.Value(kMagic | kVersion << kVersionBits);
  writer.Value(weights_.dim);
  VisitConfig(writer, config_, kVersion);
  Visit(writer, *this);
}

int64_t Trainer::StateBytes() const {
  Writer counter(nullptr);
  Write(counter);
  return static_cast<int64_t>(counter.size());
}

void Trainer::AppendState(std::string* state) const {
  Writer writer(state);
  Write(writer);
}

std::string Trainer::SaveState() const {
  std::string state;
  state.reserve(static_cast<size_t>(StateBytes()));
  AppendState(&state);
  return state;
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Restore(absl::string_view state, int threads) {
  Reader reader(state);
  uint64_t header = 0;
  int dim = 0;
  TrainConfig config;
  reader.Value(header);
  const uint64_t version = header >> kVersionBits;
  if (header != (kMagic | version << kVersionBits) || version < kOldestVersion ||
      version > kVersion) {
    return Damaged(state, "not of this version");
  }
  reader.Value(dim);
  VisitConfig(reader, config, version);
  // The sizes are checked against what is left before anything is allocated by them: encoder and
  // decoder, and two moments of each.
  const size_t parameters = size_t{6} * sizeof(float) * static_cast<size_t>(std::max(dim, 0)) *
                            static_cast<size_t>(std::max(config.latents, 0));
  if (!reader.good() || dim < 1 || !FindViolations(config).empty() || parameters > reader.left()) {
    return Damaged(state, "damaged configuration");
  }
  std::unique_ptr<Trainer> trainer(new Trainer(config, dim, threads));
  Visit(reader, *trainer);
  if (!reader.Complete()) {
    return Damaged(state, "cut short or too long");
  }
  trainer->FindDead();
  return trainer;
}

}  // namespace recsae::sae

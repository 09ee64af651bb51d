// For sweeping the inner loops over sizes, alignments, kinds of values and instruction sets.
#ifndef RECSAE_TESTS_UNIT_COMMON_MATH_SWEEP_TESTING_H_
#define RECSAE_TESTS_UNIT_COMMON_MATH_SWEEP_TESTING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "hwy/targets.h"

namespace recsae::math {

// Values between guards, `misalignment` floats after a multiple of 64 bytes. The guards are NaN, so
// that what reads one of them shows in the result.
template <typename T>
class Guarded {
 public:
  explicit Guarded(const std::vector<T>& values, size_t misalignment = 0)
      : size_(values.size()), bytes_(size_ * sizeof(T) + 2 * kGuard + kAlignment, kFill) {
    const size_t past = reinterpret_cast<uintptr_t>(bytes_.data()) % kAlignment;
    begin_ = kAlignment - past + kGuard / 2 + misalignment * sizeof(float);
    if (size_ > 0) std::memcpy(&bytes_[begin_], values.data(), size_ * sizeof(T));
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return reinterpret_cast<T*>(&bytes_[begin_]); }
  T operator[](size_t i) { return data()[i]; }

  bool GuardsIntact() const {
    const auto untouched = [](unsigned char byte) { return byte == kFill; };
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(begin_);
    return std::all_of(bytes_.begin(), begin, untouched) &&
           std::all_of(begin + static_cast<std::ptrdiff_t>(size_ * sizeof(T)), bytes_.end(),
                       untouched);
  }

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kGuard = 512;
  static constexpr unsigned char kFill = 0xff;

  size_t size_;
  std::vector<unsigned char> bytes_;
  size_t begin_;
};

// Every length up to two vectors of any instruction set and two words of 64, and some beyond.
inline std::vector<int> SweepSizes() {
  std::vector<int> sizes(130);
  std::iota(sizes.begin(), sizes.end(), 1);
  sizes.insert(sizes.end(), {191, 192, 193, 255, 256, 257, 640, 1000, 1023, 1024, 1025, 2049});
  return sizes;
}

// Runs each test on each instruction set that the machine has.
class InstructionSetTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { Choose(GetParam()); }
  void TearDown() override { Choose(0); }

 private:
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

inline std::string InstructionSetName(const ::testing::TestParamInfo<int64_t>& info) {
  return hwy::TargetName(info.param);
}

}  // namespace recsae::math

#endif  // RECSAE_TESTS_UNIT_COMMON_MATH_SWEEP_TESTING_H_

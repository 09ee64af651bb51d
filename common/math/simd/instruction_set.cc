// Asks Highway which of the compiled instruction sets this machine gets.
#include "common/math/simd/instruction_set.h"

#include <cstdint>

#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "common/math/simd/instruction_set.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace recsae::math::HWY_NAMESPACE {

int64_t Target() { return HWY_TARGET; }

}  // namespace recsae::math::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recsae::math {

HWY_EXPORT(Target);

const char* InstructionSet() {
  const int64_t target = HWY_DYNAMIC_DISPATCH(Target)();
  switch (target) {
    case HWY_AVX3_DL:
      return "AVX-512 with VNNI";
    case HWY_AVX3:
      return "AVX-512";
    case HWY_AVX2:
      return "AVX2";
    case HWY_EMU128:
    case HWY_SCALAR:
      return "scalar";
    default:
      return hwy::TargetName(target);
  }
}

}  // namespace recsae::math
#endif  // HWY_ONCE

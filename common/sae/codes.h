// Sparse codes, as the SAE knows them; see common/math/simd/codes.h.
#ifndef RECSAE_COMMON_SAE_CODES_H_
#define RECSAE_COMMON_SAE_CODES_H_

#include "common/math/simd/codes.h"

namespace recsae::sae {

using math::LatentActivation;
using math::SparseCodes;

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_CODES_H_

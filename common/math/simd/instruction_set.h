// The instruction set that the inner loops run on, chosen at run time: one binary for every x86-64
// and Arm machine. The loops themselves are in the .cc files that include Highway.
#ifndef RECSAE_COMMON_MATH_SIMD_INSTRUCTION_SET_H_
#define RECSAE_COMMON_MATH_SIMD_INSTRUCTION_SET_H_

namespace recsae::math {

// Of this machine, as a person would name it: "AVX-512 with VNNI", "AVX2", "NEON", "scalar".
const char* InstructionSet();

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_INSTRUCTION_SET_H_

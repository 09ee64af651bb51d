// Compiles a function once for each x86-64 level and picks the widest at run time, so that one
// binary uses AVX-512 or AVX2 where they are, without -march=native.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_MULTIVERSION_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_MULTIVERSION_H_

// Sanitizers cannot run the resolvers that the choice needs before they are set up themselves.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RECSAE_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RECSAE_MULTIVERSION
#endif

// For helpers of such functions: compiled into each version of the caller.
#define RECSAE_ALWAYS_INLINE inline __attribute__((always_inline))

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_TRAIN_MULTIVERSION_H_

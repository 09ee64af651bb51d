// How much memory the machine or the container gives this process.
#ifndef RECSAE_COMMON_BUDGET_MEMORY_LIMIT_H_
#define RECSAE_COMMON_BUDGET_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

namespace recsae {

// Bytes that the process may use: the least limit of its control groups (version 2: memory.max,
// version 1: memory.limit_in_bytes) and of the machine's memory. `root` is where /proc and /sys
// are,
// "" on a real machine. 0 if none can be read.
int64_t AvailableMemory(const std::string& root = "");

// What work and caches may take of it unless --memory-limit says otherwise: three quarters. The
// rest is for code, the stores' own caches and calls in flight. 1 GiB if nothing can be read.
int64_t DefaultMemoryLimit(const std::string& root = "");

}  // namespace recsae

#endif  // RECSAE_COMMON_BUDGET_MEMORY_LIMIT_H_

# Every library the project uses. All are Debian 12 packages (see scripts/install-dependencies.sh);
# nothing is downloaded by the build.

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(cpp-httplib REQUIRED IMPORTED_TARGET cpp-httplib)
find_package(Eigen3 CONFIG REQUIRED)
find_package(dnnl CONFIG REQUIRED)
find_package(hwy CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
if(RECSAE_DOWNLOAD)
  find_package(CURL REQUIRED)
  find_package(LibArchive REQUIRED)
endif()
if(RECSAE_TESTS)
  find_package(GTest CONFIG REQUIRED)
  # Debian's own interpreter: it is the one that python3-grpcio is installed for.
  find_program(RECSAE_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
endif()
if(RECSAE_BENCHMARKS)
  find_package(benchmark CONFIG REQUIRED)
endif()

# libtorch's targets drag its warning and ABI flags into every user, and name a gflags target that
# RocksDB's package defines differently; its headers are wanted in the probe's recommenders alone, so
# they come as one interface target with system includes and the libraries by path.
if(RECSAE_TORCH)
  find_package(Torch REQUIRED)
  find_library(RECSAE_TORCH_CPU torch_cpu REQUIRED)
  find_library(RECSAE_TORCH_C10 c10 REQUIRED)
  add_library(recsae_torch INTERFACE)
  target_include_directories(recsae_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(recsae_torch INTERFACE ${RECSAE_TORCH_CPU} ${RECSAE_TORCH_C10})
endif()

#include "common/files/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "common/base/status.h"

namespace recsae::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A file as numpy.save writes it.
std::string Npy(const std::string& type, const std::string& shape, const std::string& data,
                const std::string& order = "False", char version = 1) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  const size_t start = version == 1 ? 10 : 12;
  while ((start + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += version;
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

template <typename Value>
std::string Bytes(std::initializer_list<Value> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(Value)};
}

absl::StatusOr<NpyArray> ReadBytes(const std::string& bytes) {
  const std::string path =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".npy";
  std::ofstream(path, std::ios::binary) << bytes;
  return ReadNpy(path);
}

TEST(ReadNpyTest, ReadsMatricesAndVectors) {
  const auto matrix = ReadBytes(Npy("<f4", "(2, 3)", Bytes<float>({1, 2, 3, 4, 5, 6.5f})));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(matrix->shape, ElementsAre(2, 3));
  EXPECT_THAT(matrix->values, ElementsAre(1, 2, 3, 4, 5, 6.5f));
  const auto vector = ReadBytes(Npy("<f8", "(2,)", Bytes<double>({0.5, -2}), "False", 2));
  ASSERT_TRUE(vector.ok()) << vector.status();
  EXPECT_THAT(vector->shape, ElementsAre(2));
  EXPECT_THAT(vector->values, ElementsAre(0.5f, -2));
  const auto empty = ReadBytes(Npy("<f4", "(0, 3)", ""));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->values.empty());
}

TEST(ReadNpyTest, ReadsColumnsAndHalves) {
  const auto columns = ReadBytes(Npy("<f4", "(2, 3)", Bytes<float>({1, 2, 3, 4, 5, 6}), "True"));
  ASSERT_TRUE(columns.ok()) << columns.status();
  EXPECT_THAT(columns->values, ElementsAre(1, 3, 5, 2, 4, 6));
  const auto halves = ReadBytes(Npy("<f2", "(2,)", Bytes<uint16_t>({0x3C00, 0xC100})));
  ASSERT_TRUE(halves.ok()) << halves.status();
  EXPECT_THAT(halves->values, ElementsAre(1, -2.5f));
}

TEST(ReadNpyTest, HeaderThatNobodyWritesIsRefused) {
  // As long as the two bytes of the first version allow, and a megabyte in those of the second.
  for (const size_t length : {size_t{60'000}, size_t{1'000'000}}) {
    std::string bytes = "\x93NUMPY";
    bytes += length < 65'536 ? '\1' : '\2';
    bytes += '\0';
    for (size_t i = 0; i < (length < 65'536 ? 2 : 4); ++i) {
      bytes += static_cast<char>(length >> (8 * i) & 0xFF);
    }
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    header.resize(length, ' ');
    const auto read = ReadBytes(bytes + header);
    EXPECT_EQ(Reason(read.status()), "FILE_MALFORMED");
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("its header is too long"));
  }
}

TEST(ReadNpyTest, RefusesEverythingElse) {
  const std::string six = Bytes<float>({1, 2, 3, 4, 5, 6});
  const struct {
    std::string bytes;
    const char* what;
  } kCases[] = {
      {"", "not a .npy"},
      {"PK\x03\x04 this is an npz file", "not a .npy"},
      {Npy("<f4", "(2, 3)", six).substr(0, 20), "cut off"},
      {Npy("<f4", "(2, 3)", six.substr(4)), "20 bytes"},
      {Npy("<f4", "(2, 3)", six + "x"), "25 bytes"},
      {Npy("<f4", "(2, 4)", six), "24 bytes"},
      {Npy("<f4", "(9223372036854775807, 2)", six), "24 bytes"},
      {Npy("<i8", "(3,)", six), "'<i8'"},
      {Npy(">f4", "(2, 3)", six), "'>f4'"},
      {Npy("<f4", "()", Bytes<float>({1})), "0 dimensions"},
      {Npy("<f4", "(1, 2, 3)", six), "3 dimensions"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ReadBytes(c.bytes).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.what << status;
    EXPECT_EQ(Reason(status), "FILE_MALFORMED");
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
    EXPECT_THAT(std::string(status.message()), HasSubstr(".npy"));
  }
  EXPECT_TRUE(absl::IsNotFound(ReadNpy("/nowhere/x.npy").status()));
}

}  // namespace
}  // namespace recsae::cli

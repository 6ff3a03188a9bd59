// fuzz_driver: runs a fuzz target without libFuzzer, for compilers that have none: SECONDS SEED [SEED...]
//
// Each input is one of the seeds (files, or all files of a folder) with some bytes flipped, overwritten, cut, repeated or spliced
// with another seed. Inputs are drawn by Philox from their number alone. What a target does wrong ends the program: an exception,
// a crash, a sanitizer's report; the number and the input, in crash-<number>, are left behind.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "core/atomic_file.hpp"
#include "core/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// Numbers for one input: word i of Philox at counter (i, input).
class Draws {
 public:
  explicit Draws(std::uint64_t input) : input_(input) {}

  std::size_t below(std::size_t limit) {
    const auto words =
        muster::philox4x32_10({next_++, static_cast<std::uint32_t>(input_), static_cast<std::uint32_t>(input_ >> 32), 0}, {5, 0});
    return limit == 0 ? 0 : words[0] % limit;
  }

 private:
  std::uint64_t input_;
  std::uint32_t next_ = 0;
};

// Numbers that sit at the edges of what sizes and offsets may be.
constexpr std::array<std::uint64_t, 8> kEdges{0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};

void change(std::string& text, const std::vector<std::string>& seeds, Draws& draws) {
  const std::size_t at = draws.below(text.size());
  switch (draws.below(7)) {
    case 0:
      if (!text.empty()) {
        text[at] ^= static_cast<char>(1u << draws.below(8));
      }
      break;
    case 1:
      if (!text.empty()) {
        text[at] = static_cast<char>(draws.below(256));
      }
      break;
    case 2: {
      const std::uint64_t edge = kEdges[draws.below(kEdges.size())];
      const std::size_t bytes = std::min(text.size() - at, std::size_t{1} << draws.below(4));
      text.replace(at, bytes, reinterpret_cast<const char*>(&edge), bytes);
      break;
    }
    case 3:
      text.erase(at, 1 + draws.below(16));
      break;
    case 4:
      text.insert(at, text.substr(draws.below(text.size()), 1 + draws.below(64)));
      break;
    case 5:
      text.resize(at);
      break;
    default: {
      const std::string& other = seeds[draws.below(seeds.size())];
      const std::size_t from = draws.below(other.size());
      text.replace(at, 1 + draws.below(32), other, from, 1 + draws.below(64));
    }
  }
}

std::string mutated(const std::vector<std::string>& seeds, std::uint64_t number) {
  Draws draws(number);
  std::string text = seeds[draws.below(seeds.size())];
  for (std::size_t changes = 1 + draws.below(6); changes > 0; --changes) {
    change(text, seeds, draws);
  }
  return text;
}

std::vector<std::string> read_seeds(int count, char** names) {
  std::vector<std::string> seeds{""};
  for (int i = 0; i < count; ++i) {
    if (!fs::is_directory(names[i])) {
      seeds.push_back(muster::read_file(names[i]));
      continue;
    }
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(names[i])) {
      paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      seeds.push_back(muster::read_file(path));
    }
  }
  return seeds;
}

int run(const std::string& text) {
  return LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s SECONDS SEED [SEED...]\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> seeds = read_seeds(argc - 2, argv + 2);
  for (const std::string& seed : seeds) {
    run(seed);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1]));
  std::uint64_t number = 0;
  for (; std::chrono::steady_clock::now() < end; ++number) {
    const std::string text = mutated(seeds, number);
    try {
      run(text);
    } catch (const std::exception& error) {
      const std::string name = "crash-" + std::to_string(number);
      muster::write_file_atomically(name, text);
      std::fprintf(stderr, "input %llu (kept as %s): %s\n", static_cast<unsigned long long>(number), name.c_str(), error.what());
      return 1;
    }
  }
  std::printf("%llu inputs from %zu seeds, nothing found\n", static_cast<unsigned long long>(number), seeds.size());
  return 0;
}

#include "pack/ranks.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <tuple>

#include "pack/split_source.hpp"
#include "pack/wire.hpp"

namespace muster::pack {
namespace {

enum class Mark : char { kResult = 'R', kError = 'E' };
enum class ErrorKind : std::uint8_t { kConfig, kData, kOutput, kUndeclared, kOther, kStopped, kPeer };  // real errors first

struct RankError {
  ErrorKind kind = ErrorKind::kOther;
  ExitCode code = ExitCode::kBug;
  std::uint64_t place = 0;
  std::string text;
};

// Inside a catch block.
RankError caught_error(std::uint64_t place) {
  const auto named = [&](ErrorKind kind, const Error& error) { return RankError{kind, error.code(), place, error.what()}; };
  try {
    throw;
  } catch (const UndeclaredValueError& error) {
    return named(ErrorKind::kUndeclared, error);
  } catch (const ConfigError& error) {
    return named(ErrorKind::kConfig, error);
  } catch (const DataError& error) {
    return named(ErrorKind::kData, error);
  } catch (const OutputError& error) {
    return named(ErrorKind::kOutput, error);
  } catch (const PackStopped& error) {
    return named(ErrorKind::kStopped, error);
  } catch (const PeerFailed& error) {
    return named(ErrorKind::kPeer, error);
  } catch (const Error& error) {
    return named(ErrorKind::kOther, error);
  } catch (const std::bad_alloc&) {
    return {ErrorKind::kConfig, ExitCode::kConfig, place,
            "out of memory while packing; lower shard_bytes, threads, or the ranks on this node"};
  } catch (const std::exception& error) {
    return {ErrorKind::kOther, ExitCode::kBug, place, fmt::format("unexpected: {}", error.what())};
  }
}

std::string error_message(const RankError& error) {
  WireWriter wire;
  wire.value(Mark::kError);
  wire.value(error.kind);
  wire.value(error.code);
  wire.value(error.place);
  wire.text(error.text);
  return wire.take();
}

RankError error_of_message(std::string_view message) {
  WireReader wire(message.substr(sizeof(Mark)));
  RankError error;
  error.kind = wire.value<ErrorKind>();
  error.code = wire.value<ExitCode>();
  error.place = wire.value<std::uint64_t>();
  error.text = wire.text();
  return error;
}

[[noreturn]] void throw_again(const RankError& error) {
  switch (error.kind) {
    case ErrorKind::kConfig:
      throw ConfigError("{}", error.text);
    case ErrorKind::kData:
      throw DataError("{}", error.text);
    case ErrorKind::kOutput:
      throw OutputError("{}", error.text);
    case ErrorKind::kUndeclared:
      throw UndeclaredValueError(error.text);
    case ErrorKind::kStopped:
      throw PackStopped("{}", error.text);
    case ErrorKind::kPeer:
    case ErrorKind::kOther:
      break;
  }
  throw Error(error.code, error.text);
}

}  // namespace

std::pair<std::size_t, std::size_t> Ranks::part(std::size_t items) const noexcept {
  const auto cut = [&](int rank) { return items * static_cast<std::size_t>(rank) / static_cast<std::size_t>(count()); };
  return {cut(rank()), cut(rank() + 1)};
}

// Messages of all ranks without their marks, or what one of them failed of.
std::vector<std::string> Ranks::exchange(std::string mine) {
  std::vector<std::string> messages = dist::gather_texts(world_, mine);
  std::optional<RankError> first;
  for (std::string& message : messages) {
    if (message.front() == static_cast<char>(Mark::kError)) {
      RankError error = error_of_message(message);
      const auto order = [](const RankError& e) { return std::tuple(std::max(e.kind, ErrorKind::kOther), e.place); };
      if (!first || order(error) < order(*first)) {
        first = std::move(error);
      }
    } else {
      message.erase(0, 1);
    }
  }
  if (first) {
    agreed_ = true;
    throw_again(*first);
  }
  return messages;
}

std::vector<std::string> Ranks::gather(const std::function<std::string()>& work, std::uint64_t place) {
  if (count() == 1) {
    return {work()};
  }
  std::string mine(1, static_cast<char>(Mark::kResult));
  try {
    mine += work();
  } catch (const CommError&) {
    throw;  // the way to the others is lost
  } catch (...) {
    mine = error_message(caught_error(place));
  }
  return exchange(std::move(mine));
}

std::string Ranks::from_first(const std::function<std::string()>& work) {
  std::string text;
  gather([&] {
    text = is_first() ? work() : std::string();
    return std::string();
  });
  return count() == 1 ? text : dist::broadcast_text(world_, std::move(text), 0);
}

void Ranks::together(const std::function<void()>& work) {
  if (count() == 1) {
    work();
    return;
  }
  std::string mine(1, static_cast<char>(Mark::kResult));
  try {
    work();
  } catch (const CommError&) {
    throw;
  } catch (...) {
    if (agreed_) {
      throw;
    }
    mine = error_message(caught_error(0));
  }
  exchange(std::move(mine));
}

}  // namespace muster::pack

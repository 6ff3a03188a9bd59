#include "io/http_client.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/stop_flags.hpp"
#include "io/partial_file.hpp"
#include "io/sha256.hpp"

namespace muster::io {
namespace {

constexpr long kConnectSeconds = 20;
constexpr long kStandsStillSeconds = 60;  // without a byte
constexpr long kMaxRedirects = 8;
constexpr int kVainAttempts = 3;  // in a row, that bring nothing new

struct CurlTraits {
  using type = CURL*;
  static type none() noexcept { return nullptr; }
  static void close(type handle) noexcept { curl_easy_cleanup(handle); }
};
using Curl = UniqueHandle<CurlTraits>;

struct HeaderListTraits {
  using type = curl_slist*;
  static type none() noexcept { return nullptr; }
  static void close(type list) noexcept { curl_slist_free_all(list); }
};

// curl_easy_setopt tells a mistake of ours; a full memory is the only other reason.
template <class Value>
void set(const Curl& curl, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(curl.get(), option, value);
  check(code == CURLE_OK, "curl_easy_setopt({}): {}", static_cast<int>(option), curl_easy_strerror(code));
}

void initialise_curl_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(code == CURLE_OK, "curl_global_init: {}", curl_easy_strerror(code));
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return result;
}

std::optional<std::uint64_t> number_at(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

// "bytes 100-199/200": 100 and 200; "bytes */200": none and 200.
struct ContentRange {
  std::optional<std::uint64_t> begin;
  std::optional<std::uint64_t> total;
};
ContentRange parse_content_range(std::string_view text) {
  ContentRange range;
  const auto slash = text.find('/');
  if (!text.starts_with("bytes ") || slash == std::string_view::npos) {
    return range;
  }
  range.begin = number_at(text.substr(6));
  range.total = number_at(text.substr(slash + 1));
  return range;
}

// One request, and what its answer says. The callbacks run inside of curl, through which no exception may pass.
struct Exchange {
  PartialFile& file;
  const Download& request;
  CURL* curl;
  std::map<std::string, std::string> headers;  // lower-case names, of the last answer of a chain of redirects
  std::uint64_t position;                      // of the next byte in the file
  bool started = false;
  std::exception_ptr failure;
  std::chrono::steady_clock::time_point reported = std::chrono::steady_clock::now();

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  const std::string& header(const std::string& name) const {
    static const std::string none;
    const auto found = headers.find(name);
    return found == headers.end() ? none : found->second;
  }
  // What the server says that the whole file has.
  std::optional<std::uint64_t> total() const {
    return status() == 206 ? parse_content_range(header("content-range")).total : number_at(header("content-length"));
  }

  void start() {
    started = true;
    if (status() == 206) {
      if (parse_content_range(header("content-range")).begin != position) {
        throw DataError("{}: the server sends '{}' where the rest from byte {} was asked for; remove {} and fetch again",
                        shown_url(request.url), header("content-range"), position, file.path().string());
      }
    } else {
      position = 0;
      file.start_afresh(header("etag"));
    }
    if (request.bytes && total() && *total() != *request.bytes) {
      throw DataError("{}: the server's file has {} bytes, {} were wanted; check the address and size=", shown_url(request.url), *total(),
                      *request.bytes);
    }
  }

  void take(const char* bytes, std::size_t count) {
    if (status() != 200 && status() != 206) {
      return;  // an error page
    }
    if (!started) {
      start();
    }
    file.write_at(position, bytes, count);
    position += count;
  }
};

std::size_t on_header(char* text, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(text, size * count);
  try {
    if (line.starts_with("HTTP/")) {
      exchange.headers.clear();
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
      exchange.headers[lower(line.substr(0, colon))] = std::string(value);
    }
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
  return line.size();
}

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    exchange.take(bytes, size * count);
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& exchange = *static_cast<Exchange*>(user);
  const auto now = std::chrono::steady_clock::now();
  if (exchange.request.progress && exchange.started && now - exchange.reported >= std::chrono::seconds(1)) {
    exchange.reported = now;
    try {
      exchange.request.progress(exchange.position, exchange.total());
    } catch (...) {
      exchange.failure = std::current_exception();
      return 1;
    }
  }
  return requested_stop() != 0 ? 1 : 0;
}

// Whether another attempt may bring more.
bool was_cut(CURLcode code) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool is_busy(long status) {
  return status == 429 || status >= 500;
}

[[noreturn]] void refuse_status(const Download& request, long status) {
  const std::string url = shown_url(request.url);
  if (status == 401 || status == 403) {
    throw DataError("{}: the server refuses access (HTTP {}): the file is gated, or the address has run out{}{}", url, status,
                    request.when_refused.empty() ? "" : "; ", request.when_refused);
  }
  if (status == 404 || status == 410) {
    throw NotFoundError("{}: the server has no such file (HTTP {}); check the address", url, status);
  }
  throw DataError("{}: the server answers with HTTP {}; try again later, or put the file in place by hand as {}", url, status,
                  request.destination.string());
}

[[noreturn]] void refuse_transfer(const Download& request, const PartialFile& file, CURLcode code, const std::string& detail) {
  const std::string url = shown_url(request.url);
  const std::string reason = detail.empty() ? curl_easy_strerror(code) : detail;
  const std::string kept = file.size() == 0 ? ""
                                            : fmt::format("; {} bytes are kept in {}, and the same command goes on from there", file.size(),
                                                          file.path().string());
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT) {
    throw DataError(
        "{}: cannot be reached: {}; is there a network here (login nodes have one, compute nodes often not), or is https_proxy missing?{}",
        url, reason, kept);
  }
  throw DataError("{}: the download failed: {}{}", url, reason, kept);
}

enum class Outcome { kComplete, kCut };

class Client {
 public:
  Client(const Download& request, PartialFile& file) : request_(request), file_(file), curl_(curl_easy_init()) {
    check(bool(curl_), "curl_easy_init failed");
    const bool secure = lower(request.url).starts_with("https:");
    set(curl_, CURLOPT_URL, request.url.c_str());
    set(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
    set(curl_, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    set(curl_, CURLOPT_FOLLOWLOCATION, 1L);
    set(curl_, CURLOPT_MAXREDIRS, kMaxRedirects);
    set(curl_, CURLOPT_NOSIGNAL, 1L);
    set(curl_, CURLOPT_USERAGENT, "muster");
    set(curl_, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    set(curl_, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(curl_, CURLOPT_LOW_SPEED_TIME, kStandsStillSeconds);
    set(curl_, CURLOPT_ERRORBUFFER, detail_);
    set(curl_, CURLOPT_HEADERFUNCTION, &on_header);
    set(curl_, CURLOPT_WRITEFUNCTION, &on_bytes);
    set(curl_, CURLOPT_XFERINFOFUNCTION, &on_progress);
    set(curl_, CURLOPT_NOPROGRESS, 0L);
  }

  Outcome attempt() {
    const std::uint64_t begin = file_.size();
    Exchange exchange{.file = file_, .request = request_, .curl = curl_.get(), .headers = {}, .position = begin, .failure = {}};
    set(curl_, CURLOPT_HEADERDATA, &exchange);
    set(curl_, CURLOPT_WRITEDATA, &exchange);
    set(curl_, CURLOPT_XFERINFODATA, &exchange);
    const UniqueHandle<HeaderListTraits> headers = range_headers(begin);
    set(curl_, CURLOPT_HTTPHEADER, headers.get());
    detail_[0] = '\0';
    const CURLcode code = curl_easy_perform(curl_.get());
    if (exchange.failure) {
      std::rethrow_exception(exchange.failure);
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
      throw CommError("the download of {} was stopped on request; {} bytes are kept, start the same command again to go on",
                      shown_url(request_.url), file_.size());
    }
    return judge(exchange, code);
  }

  std::string trouble() const { return detail_; }
  CURLcode code() const noexcept { return code_; }
  long status() const noexcept { return status_; }

 private:
  // Without curl's own CURLOPT_RESUME_FROM, which takes an answer with the whole file for an error.
  UniqueHandle<HeaderListTraits> range_headers(std::uint64_t begin) const {
    UniqueHandle<HeaderListTraits> list;
    const auto add = [&](const std::string& line) {
      curl_slist* longer = curl_slist_append(list.get(), line.c_str());
      check(longer != nullptr, "curl_slist_append failed");
      static_cast<void>(list.release());
      list.reset(longer);
    };
    if (begin > 0) {
      add(fmt::format("Range: bytes={}-", begin));
      if (!file_.etag().empty()) {
        add("If-Range: " + file_.etag());
      }
    }
    return list;
  }

  Outcome judge(Exchange& exchange, CURLcode code) {
    code_ = code;
    status_ = exchange.status();
    if (was_cut(code)) {
      return Outcome::kCut;
    }
    if (code != CURLE_OK) {
      refuse_transfer(request_, file_, code, detail_);
    }
    if (is_busy(status_)) {
      return Outcome::kCut;
    }
    if (status_ == 416) {  // nothing lies behind what we have: all of it, or too much
      if (parse_content_range(exchange.header("content-range")).total == file_.size()) {
        return Outcome::kComplete;
      }
      file_.start_afresh("");
      return Outcome::kCut;
    }
    if (status_ != 200 && status_ != 206) {
      refuse_status(request_, status_);
    }
    if (!exchange.started) {
      exchange.start();  // an empty file
    }
    const auto total = exchange.total();
    return total && *total != file_.size() ? Outcome::kCut : Outcome::kComplete;
  }

  const Download& request_;
  PartialFile& file_;
  Curl curl_;
  char detail_[CURL_ERROR_SIZE] = {};
  CURLcode code_ = CURLE_OK;
  long status_ = 0;
};

void fetch_all(const Download& request, PartialFile& file) {
  Client client(request, file);
  std::uint64_t furthest = file.size();
  int vain = 0;
  while (client.attempt() == Outcome::kCut) {
    vain = file.size() > furthest ? 0 : vain + 1;
    furthest = std::max(furthest, file.size());
    if (vain == kVainAttempts) {
      if (client.code() == CURLE_OK) {
        refuse_status(request, client.status());
      }
      refuse_transfer(request, file, client.code(), client.trouble());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250 << (2 * vain)));
  }
}

}  // namespace

std::string shown_url(const std::string& url) {
  return url.substr(0, url.find_first_of("?#"));
}

Downloaded download(const Download& request) {
  initialise_curl_once();
  PartialFile file(request.destination, shown_url(request.url));
  if (!request.bytes || file.size() != *request.bytes) {
    fetch_all(request, file);
  }
  Downloaded result{.bytes = file.size(), .kept = file.kept(), .sha256 = {}};
  if (request.bytes && result.bytes != *request.bytes) {
    file.discard();
    throw DataError("{}: {} bytes came, {} were wanted; they were thrown away: check the address and size=", shown_url(request.url),
                    result.bytes, *request.bytes);
  }
  result.sha256 = sha256_of_file(file.path());
  if (!result.sha256.starts_with(lower(request.sha256))) {
    file.discard();
    throw DataError("{}: its SHA-256 is {}, wanted {}; the bytes were thrown away: fetch again, and check sha256= if it happens twice",
                    shown_url(request.url), result.sha256, request.sha256);
  }
  file.commit();
  return result;
}

}  // namespace muster::io

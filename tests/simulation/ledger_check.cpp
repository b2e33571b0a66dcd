#include "tests/simulation/ledger_check.hpp"

#include "runtime/job_codec.hpp"

namespace troupe::tests {
namespace {

using runtime::errc;

class job_check {
public:
  job_check(const runtime::memory_store& store,
            const ledger_expectation& expected, std::vector<std::string>& out)
    : store_{store}, expected_{expected}, out_{out} {}

  void run() {
    auto record = store_.record(expected_.id);
    auto spec = store_.spec(expected_.id);
    if (!record || !spec)
      return violate("I1", "lost after it was acknowledged");
    if (spec->text != expected_.spec.text)
      violate("I1", "its stored input differs");
    if (!is_terminal(record->status))
      return violate("I2", "never ended");
    auto events = store_.events(expected_.id, 0, SIZE_MAX);
    if (!events || events->empty())
      return violate("I5", "has no events");
    check_stream(*events, *record);
    check_seen(*events);
    check_output(*record);
  }

private:
  void check_stream(const std::vector<runtime::event>& events,
                    const runtime::job_record& record) {
    uint64_t expected = 0;
    size_t ends = 0;
    uint32_t attempt = 0;
    for (const auto& e : events) {
      if (e.seq != expected++)
        violate("I5", "a hole before event " + std::to_string(e.seq));
      if (const auto* started = std::get_if<runtime::job_started>(&e.body)) {
        if (started->attempt <= attempt)
          violate("P4", "attempt " + std::to_string(started->attempt)
                          + " was leased twice");
        attempt = started->attempt;
      }
      if (const auto* d = std::get_if<runtime::output_delta>(&e.body)) {
        if (d->offset != text_.size())
          violate("I5", "a delta at the wrong offset");
        text_ += d->text;
      }
      if (const auto* r = std::get_if<runtime::output_reset>(&e.body))
        text_.resize(r->from_offset);
      ends += std::holds_alternative<runtime::job_ended>(e.body) ? 1 : 0;
    }
    if (ends != 1
        || !std::holds_alternative<runtime::job_ended>(events.back().body))
      violate("I2", std::to_string(ends) + " terminal events");
    if (record.next_seq != events.size())
      violate("I5", "the record counts other events");
  }

  void check_seen(const std::vector<runtime::event>& events) {
    for (const auto& [seq, bytes] : expected_.seen)
      if (seq >= events.size()
          || runtime::encode_events({&events[seq], 1}) != bytes)
        violate("I5", "a reader saw another event " + std::to_string(seq));
  }

  void check_output(const runtime::job_record& record) {
    auto output = store_.output(expected_.id);
    auto stored = output ? output->text : std::string{};
    if (stored != text_)
      violate("I5", "deltas do not add up to the output");
    if (record.status == runtime::job_status::completed
        && expected_.spec.simulate->tokens
        && record.usage.output_tokens != *expected_.spec.simulate->tokens)
      violate("I5", "completed with "
                      + std::to_string(record.usage.output_tokens) + " tokens");
  }

  void violate(const char* invariant, const std::string& what) {
    out_.push_back(std::string{invariant} + ": " + expected_.id.str() + " "
                   + what);
  }

  const runtime::memory_store& store_;
  const ledger_expectation& expected_;
  std::vector<std::string>& out_;
  std::string text_;
};

} // namespace

std::vector<std::string>
check_ledger(const runtime::memory_contents& contents,
             const std::vector<ledger_expectation>& jobs) {
  std::vector<std::string> out;
  runtime::memory_store store{contents};
  for (const auto& job : jobs)
    job_check{store, job, out}.run();
  for (const auto& [shard, state] : contents.shards)
    if (!state.live.empty())
      out.push_back("I6: shard " + std::to_string(shard.value) + " holds "
                    + std::to_string(state.live.size()) + " live jobs");
  if (contents.records.size() != jobs.size())
    out.push_back("I7: " + std::to_string(contents.records.size())
                  + " jobs on disk, " + std::to_string(jobs.size())
                  + " acknowledged");
  return out;
}

} // namespace troupe::tests

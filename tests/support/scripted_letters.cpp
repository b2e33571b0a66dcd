// The dead letters of scripted_jobs.
#include "runtime/dead_letter.hpp"
#include "tests/support/scripted_jobs.hpp"

namespace troupe::tests {

using runtime::errc;
using runtime::job_id;
using runtime::refused;
using runtime::sink_ref;

job_id scripted_jobs::dead_letter(runtime::letter_reason reason,
                                  runtime::job_spec spec) {
  job_id id;
  {
    std::lock_guard lock{mutex_};
    if (spec.model.empty())
      spec.model = "sim";
    if (spec.text.empty())
      spec.text = "Package: dead";
    spec.max_attempts = 1;
    id = admit(std::move(spec));
  }
  if (reason == runtime::letter_reason::poison)
    for (int i = 0; i < 2; ++i) {
      start(id);
      lose(id, runtime::attempt_loss::crashed_alone,
           {errc::worker_lost, "crashed"});
    }
  else {
    start(id);
    lose(id, runtime::attempt_loss::model_error, {errc::model_error, "bad"});
  }
  return id;
}

void scripted_jobs::replay_letter(job_id id, runtime::job_spec spec,
                                  gateway::submit_options options,
                                  sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    if (auto* x = find(id, spec.tenant, reply, out)) {
      const auto known = keys_.find(options.idempotency_key);
      if (known != keys_.end()) {
        if (known->second.fingerprint != options.fingerprint)
          out.emplace_back(reply, runtime::refused{runtime::fail(
                                    runtime::errc::idempotency_mismatch)});
        else
          out.emplace_back(
            reply,
            runtime::job_accepted{view_of(jobs_.at(known->second.job)), true});
      } else if (x->replayed_as && !options.idempotency_key.empty()) {
        out.emplace_back(
          reply, runtime::job_snapshot{view_of(jobs_.at(*x->replayed_as))});
      } else if (x->replayed_as) {
        out.emplace_back(reply, runtime::job_accepted{
                                  view_of(jobs_.at(*x->replayed_as)), true});
      } else if (refusal_) {
        out.emplace_back(reply, *refusal_);
      } else {
        // The map's entries stay where they are.
        const auto replay = admit(std::move(spec));
        x->letter = runtime::letter_state::replayed;
        x->replayed_as = replay;
        if (!options.idempotency_key.empty())
          keys_[options.idempotency_key] = {replay, options.fingerprint};
        out.emplace_back(reply,
                         runtime::job_accepted{view_of(jobs_.at(replay))});
      }
    }
  }
  send(std::move(out));
}

void scripted_jobs::drop_letter(job_id id, std::string tenant, sink_ref reply) {
  answers out;
  {
    std::lock_guard lock{mutex_};
    auto* x = find(id, tenant, reply, out);
    if (x && judge_letter(x->record()) == runtime::letter_verdict::no_letter) {
      out.emplace_back(reply,
                       refused{runtime::fail(errc::not_found, "no letter")});
    } else if (x) {
      if (!x->replayed_as)
        x->letter = runtime::letter_state::dropped;
      out.emplace_back(reply, runtime::job_snapshot{view_of(*x)});
    }
  }
  send(std::move(out));
}

void scripted_jobs::start_run(runtime::replay_run run, sink_ref reply) {
  runtime::runs_listed answer;
  {
    std::lock_guard lock{mutex_};
    run.id = job_id::make(runtime::system_clock().wall(), {0}, random_);
    runs_.emplace_back(std::move(run));
    answer.runs = {runs_.back().run()};
  }
  sinks_.post(reply, std::move(answer));
}

void scripted_jobs::steer_run(job_id id, std::string,
                              gateway::run_steering what, double rate_per_s,
                              sink_ref reply) {
  runtime::runs_listed answer;
  {
    std::lock_guard lock{mutex_};
    for (auto& plan : runs_) {
      if (plan.run().id != id)
        continue;
      if (what == gateway::run_steering::pause)
        plan.pause();
      else if (what == gateway::run_steering::resume)
        plan.resume();
      else if (what == gateway::run_steering::cancel)
        plan.cancel();
      else
        plan.set_rate(rate_per_s, runtime::mono_time{});
      answer.runs = {plan.run()};
    }
  }
  if (answer.runs.empty())
    sinks_.post(reply, refused{runtime::fail(errc::not_found, "no such run")});
  else
    sinks_.post(reply, std::move(answer));
}

void scripted_jobs::list_runs(std::string, sink_ref reply) {
  runtime::runs_listed answer;
  {
    std::lock_guard lock{mutex_};
    for (auto at = runs_.rbegin(); at != runs_.rend(); ++at)
      answer.runs.push_back(at->run());
  }
  sinks_.post(reply, std::move(answer));
}

} // namespace troupe::tests

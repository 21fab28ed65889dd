# What the run says in the terminal: a few lines at its start and its end, and one line per job that begins or ends.

from snakemake.logging import logger
from snakemake.settings.enums import Quietness

from linguistic_regions.runtime import terminal, work

REPORT = f"{plan.results(config)}/report.html"
TERMINAL = None


def takes_over(settings):
    """Whether the terminal shows this workflow's lines.

    Not in a dry run or in a job's own Snakemake, nor in another workflow, which does not run the hooks below, nor if the
    user wants all of Snakemake's messages, or none.
    """
    wants_others = settings.dryrun or settings.verbose or settings.debug_dag or Quietness.ALL in (settings.quiet or ())
    return workflow.is_main_process and workflow.modifier.is_main_snakefile() and not wants_others


for handler in list(logger.handlers):
    if handler.name == "DefaultStreamHandler" and takes_over(workflow.output_settings):
        TERMINAL = terminal.Terminal(handler)
        TERMINAL.stop_at_interrupt()
        logger.removeHandler(handler)
        logger.addHandler(TERMINAL)


def planned_jobs():
    """The jobs that will run, in the order of the data flow.

    Each with its expected time, and the share that it takes of the cores, the memory or the GPUs, whichever is largest.
    """
    limits, seconds = workflow.scheduler.global_resources, costs.seconds(config)
    order = {rule: place for place, rule in enumerate(seconds)}
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_norun]
    planned = {}
    for job in sorted(jobs, key=lambda job: order.get(job.rule.name, len(order))):
        needs = {name: need for name, need in job.scheduler_resources.items() if isinstance(need, int)}
        share = max(need / limits[name] for name, need in needs.items() if limits.get(name))
        planned[job.jobid] = work.Job(job.rule.name, seconds.get(job.rule.name, 0.0), share)
    return planned


def makes_report():
    """Whether the report is among the files that were asked for."""
    return REPORT in {path for job in workflow.dag.jobs for path in job.output}


def say_what_will_run():
    if TERMINAL and not workflow.touch:
        where = f" on {workflow.cores} cores" if workflow.local_exec else ""
        outcome = f"; report: {REPORT}" if makes_report() else ""
        TERMINAL.begin(planned_jobs(), f"{where}{outcome}", timed=workflow.local_exec)


def finished_lines():
    """The report's path, and the verdicts; the results' folder if only a part of them was asked for."""
    if not makes_report():
        return [f"Results: {plan.results(config)}"]
    from linguistic_regions.reporting import claims  # imports pandas

    table = f"{plan.results(config)}/tables/claims.csv"
    return [f"Report: {REPORT}", *(claims.by_verdict(table) if os.path.exists(table) else [])]


onsuccess:
    if TERMINAL and not workflow.touch:
        TERMINAL.succeed(finished_lines())


onerror:
    if TERMINAL and not workflow.touch:
        TERMINAL.fail()

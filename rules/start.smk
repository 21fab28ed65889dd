# Checks before the first job runs: disk space, memory, GPUs, container images.

from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from linguistic_regions.runtime import images, locks, preflight

RESULTS = plan.results(config)

if workflow.is_main_process:
    try:
        preflight.existing(RESULTS)
        preflight.check_records(".snakemake")
    except UserError as error:
        raise WorkflowError(str(error)) from None
    if warning := preflight.missing_records_warning(RESULTS, ".snakemake"):
        logger.warning(warning)


onstart:
    jobs = [
        preflight.Requirements(
            job.rule.name,
            job.resources.disk_mb - sum(preflight.size_mib(path) for path in job.output),  # old outputs are deleted
            job.resources.mem_mb,
            job.resources.get("gpu", 0),
        )
        for job in workflow.dag.needrun_jobs()
        if not job.is_norun
    ]
    try:
        preflight.check_storage(jobs, RESULTS)
        locks.acquire(f"{RESULTS}/.lock", RESULTS)
        if workflow.local_exec:
            preflight.check_machine(jobs)
        # Images of a registry have been pulled by now.
        if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:
            for name, image in workflow.dag.container_imgs.items():
                images.check(name, Path(image.path))
    except UserError as error:
        raise WorkflowError(str(error)) from None
    say_what_will_run()

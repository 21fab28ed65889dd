# What is checked before the first job runs: space, memory, GPUs and images.

from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from linguistic_regions.runtime import images, locks, preflight

RESULTS = plan.results(config)

if workflow.is_main_process and (told := preflight.unrecorded(RESULTS, ".snakemake")):
    logger.warning(told)


onstart:
    asked = [
        preflight.Needs(
            job.rule.name,
            job.resources.disk_mb - sum(preflight.size(path) for path in job.output),  # which are deleted first
            job.resources.mem_mb,
            job.resources.get("gpu", 0),
        )
        for job in workflow.dag.needrun_jobs()
        if not job.is_norun
    ]
    try:
        preflight.check_place(asked, RESULTS)
        locks.acquire(f"{RESULTS}/.lock", RESULTS)
        if workflow.local_exec:
            preflight.check_machine(asked)
        # By now images of a registry are pulled.
        if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:
            for name, image in workflow.dag.container_imgs.items():
                images.check(name, Path(image.path))
    except UserError as error:
        raise WorkflowError(str(error)) from None

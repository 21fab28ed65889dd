# What is looked at before the first job runs: whose results these are, and, when the jobs are known, what they need.

from snakemake.settings.types import DeploymentMethod

from linguistic_regions.runtime import images, locks, preflight

RESULTS = f"results/{config['run']}"

if not Path("scripts/corpus.py").exists():
    raise WorkflowError(
        f"Snakemake runs in another folder than the workflow's: cd {workflow.basedir}, and run it there"
    )
if workflow.is_main_process:
    try:
        preflight.check_record(RESULTS, ".snakemake")
    except UserError as error:
        raise WorkflowError(str(error)) from None


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
        preflight.record(RESULTS, ".snakemake")
        preflight.mend_times(RESULTS)
        if workflow.local_exec:
            preflight.check_machine(asked)
        # By now images of a registry are pulled.
        if DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method:
            for name, image in workflow.dag.container_imgs.items():
                images.check(name, Path(image.path))
    except UserError as error:
        raise WorkflowError(str(error)) from None

# What people read: tables, figures, one report.


def pieces(wildcards=None):
    """For each table the files that it is made of, as the config's experiments ask for them."""
    experiments, training, freezing = config["experiments"], config["retraining"], config["freezing"]
    found = {
        "removal": expand("<results>/removal/{batch}.csv", batch=BATCHES),
        "further": expand("<results>/further/{language}.csv", language=config["further"]["languages"]),
    }
    if "retraining" in experiments:
        found["retraining"] = expand(
            "<results>/retraining/{language}-{arm}.csv", language=training["languages"], arm=training["arms"]
        )
    if "freezing" in experiments:
        found["freezing"] = expand(
            "<results>/freezing/{language}-{arm}-{rate:g}-{seed}.csv",
            language=freezing["languages"],
            arm=freezing["arms"],
            rate=freezing["learning_rates"],
            seed=freezing["seeds"],
        )
    return found


rule tables_and_figures_placeholder:
    input:
        removal=pieces()["removal"],
        overlap=rules.overlap.output,
        all=[file for files in pieces().values() for file in files],
    output:
        "<results>/report.html",
    shell:
        "touch {output}"

# Text: documents of each language, split by the hash of their content.


def corpus_settings(language):
    """The corpora section as it stands for one language."""
    settings = {key: value for key, value in config["corpora"].items() if key != "languages"}
    for key, value in config["corpora"]["languages"].get(language, {}).items():
        settings[key] = settings[key] | value if isinstance(value, dict) else value
    return settings


def packages(wildcards):
    """The Debian packages that a language's text comes from."""
    settings = corpus_settings(wildcards.language)
    names = settings["debian"]["packages"] if settings["source"] == "debian" else []
    return expand("<results>/corpora/packages/{package}", package=names)


def corpus_flags(wildcards):
    """The settings of a language's source, and of the splits."""
    settings = corpus_settings(wildcards.language)
    source = settings["source"]
    options = dict(settings[source]) if source != "debian" else {}
    options["dataset_config"] = options.pop("config", None)
    bounds = {key: settings[key] for key in ("test", "valid", "max_documents", "max_characters")}
    return flags(language=wildcards.language, source=source, **options, **bounds)


rule package:
    output:
        directory("<results>/corpora/packages/{package}"),
    log:
        "<logs>/package/{package}.log",
    benchmark:
        "<benchmarks>/package/{package}.tsv"
    message:
        "Download the Debian package {wildcards.package}"
    shell:
        "python scripts/fetch_package.py --package {wildcards.package} --output {output} 2>&1 | tee {log}"


rule corpus:
    input:
        packages=packages,
    output:
        splits=expand("<results>/corpora/{{language}}/{split}.parquet", split=["train", "valid", "test"]),
        manifest="<results>/corpora/{language}/manifest.json",
    params:
        options=corpus_flags,
        packages=lambda wildcards, input: flags(packages=list(input.packages)),
        output=at("corpora/{language}"),
    log:
        "<logs>/corpus/{language}.log",
    benchmark:
        "<benchmarks>/corpus/{language}.tsv"
    message:
        "Gather text: {wildcards.language}"
    shell:
        "python scripts/corpus.py {params.options} {params.packages} --output {params.output} 2>&1 | tee {log}"

"""A tiny config of every causal language model that transformers has: four layers, some 50 000 weights.

There are 5 experts, and no other size is 1, 5 or 6. So a matrix with such an axis is that of a router (one that also
chooses "no expert" has 6 outputs), or of the gate of a shared expert.
"""

from functools import cache

from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, PreTrainedConfig

EXPERTS = 5
VOCABULARY = 40

# By value, the keys that configs have for it.
SIZES = {
    0: "pad_token_id",
    1: "bos_token_id first_k_dense_replace moe_layer_start_index num_dense_layers n_group topk_group n_groups "
    "n_shared_experts num_shared_experts moe_num_shared_experts mamba_n_groups",
    2: "eos_token_id num_key_value_heads num_kv_heads num_experts_per_tok num_experts_per_token "
    "experts_per_token moe_k moe_topk moe_top_k top_k top_k_experts linear_num_key_heads index_n_heads "
    "mamba_expand expand num_global_key_value_heads",
    4: "num_hidden_layers n_layer n_layers num_layers decoder_layers num_decoder_layers num_attention_heads "
    "n_head n_heads num_heads attention_heads decoder_attention_heads num_decoder_attention_heads "
    "linear_num_value_heads qk_rope_head_dim qk_nope_head_dim rotary_dim index_topk linear_num_heads",
    EXPERTS: "num_experts num_local_experts n_routed_experts moe_num_experts",
    7: "mamba_dt_rank time_step_rank hidden_size_per_layer_input hc_lowrank",
    8: "head_dim kv_channels attention_head_dim swa_head_dim v_head_dim qk_head_dim linear_key_head_dim "
    "linear_value_head_dim index_head_dim mamba_d_head mamba_d_state state_size ssm_state_size "
    "mamba_num_heads mamba_head_dim mamba_n_heads global_head_dim linear_head_dim attention_head_size",
    12: "moe_intermediate_size expert_ffn_hidden_size q_lora_rank kv_lora_rank",
    16: "chunk_size mamba_chunk_size sliding_window attention_window_size",
    20: "shared_expert_intermediate_size shared_experts_intermediate_size shared_intermediate_size",
    32: "hidden_size n_embd d_model embedding_size word_embed_proj_dim lru_width",
    VOCABULARY: "vocab_size vocab_size_per_layer_input",
    48: "intermediate_size n_inner ffn_dim decoder_ffn_dim d_inner dim_ff dff feed_forward_size ffn_hidden_size",
    64: "max_position_embeddings n_positions n_ctx max_seq_len mamba_d_ssm",
}
SIZES = {key: value for value, keys in SIZES.items() for key in keys.split()}

MIXED = ["linear_attention", "full_attention"] * 2
INDEXED = {"head_dim": 4}
SLIDING = ["sliding_attention", "full_attention"] * 2
# What a model type needs beside its sizes: layers of all its kinds, experts, attention from left to right.
SPECIAL = {
    "axk2": INDEXED,
    "bailing_hybrid": {"layer_group_size": 2},
    "bamba": {"attn_layer_indices": [1, 3]},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 12, "moe_num_experts": EXPERTS, "moe_top_k": 2},
    },
    "deepseek_v32": INDEXED,
    "dots3_note_text": INDEXED,
    "gemma3n_text": {
        "activation_sparsity_pattern": [0.5, 0.5, 0.0, 0.0], "altup_num_inputs": 3, "laurel_rank": 7,
        "layer_types": SLIDING, "num_kv_shared_layers": 1,
    },
    "gemma4_text": {"enable_moe_block": True, "layer_types": SLIDING},
    "glm_moe_dsa": INDEXED,
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": MIXED},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 0},
    "kimi_linear": {"layer_types": MIXED},
    "lfm2_moe": {"layer_types": ["full_attention", "conv"] * 2},
    "longcat_flash": {"head_dim": 4, "zero_expert_num": 2},
    "mamba2": {"num_heads": 8},
    "qwen4_exp_text": {
        "indexer_budget": 8, "indexer_compress_ratio": 2, "indexer_head_dim": 8, "indexer_kv_heads": 1,
        "indexer_n_heads": 2, "layer_types": ["linear_attention", "indexed_attention"] * 2,
    },
    "reformer": {
        "attn_layers": ["local", "lsh"] * 2, "axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 8],
        "is_decoder": True, "local_attn_chunk_length": 4, "lsh_attn_chunk_length": 4,
    },
    "roc_bert": {
        "pronunciation_embed_dim": 8, "pronunciation_vocab_size": 9, "shape_embed_dim": 8, "shape_vocab_size": 9
    },
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_head_dim": 16, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zamba2": {"adapter_rank": 7, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zaya": {"num_experts_per_tok": 1, "router_hidden_size": 14},
}  # fmt: skip
# What cannot be built tiny. Most of these also read images or sound, and have encoders of fixed sizes.
LEFT_OUT = {
    "blt", "cohere_compass_text", "dots3_note", "dots3_note_text", "emu3", "fuyu", "gemma3", "gemma3n", "gemma4",
    "gemma4_assistant", "gemma4_unified", "gemma4_unified_assistant", "git", "got_ocr2", "mllama",
    "moss_transcribe_diarize", "musicgen", "musicgen_melody", "phi4_multimodal",
}  # fmt: skip
# What is refused, and why.
REFUSED = {
    "bart": "encoder-decoder",
    "bigbird_pegasus": "encoder-decoder",
    "blenderbot": "encoder-decoder",
    "blenderbot-small": "encoder-decoder",
    "cpmant": "not causal",
    "deepseek_v4": "short blocks",
    "hrm_text": "not one stack of layers",
    "longcat_flash": "not one stack of layers",
    "marian": "encoder-decoder",
    "mbart": "encoder-decoder",
    "mvp": "encoder-decoder",
    "pegasus": "encoder-decoder",
    "plbart": "encoder-decoder",
    "prophetnet": "encoder-decoder",
    "reformer": "no gradients",
    "whisper": "encoder-decoder",
    "xlm": "not causal",
    "xlnet": "not causal",
}
# Encoders that are decoders if their config says so.
ENCODERS = {
    "bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert", "rembert",
    "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta", "xlm-roberta-xl", "xmod",
}  # fmt: skip


@cache
def model_types() -> dict[str, type[PreTrainedConfig]]:
    """The config class of each causal language model that can be built tiny, by model type."""
    classes = {each.model_type: each for each in MODEL_FOR_CAUSAL_LM_MAPPING}
    return {name: classes[name] for name in sorted(classes.keys() - LEFT_OUT)}


def config(kind: type[PreTrainedConfig]) -> PreTrainedConfig:
    """A tiny config of a class; of its language model alone, if it also has an encoder of images."""
    name = kind.model_type
    known = set(kind.attribute_map).union(*(vars(each).get("__annotations__", {}) for each in kind.__mro__))
    settings = {key: value for key, value in SIZES.items() if key in known}
    if "kv_lora_rank" in known:  # latent attention has as many heads of each kind
        settings["num_key_value_heads"] = settings["num_attention_heads"]
    if name in ENCODERS:
        settings["is_decoder"] = True
    if (text := kind.sub_configs.get("text_config")) and text.model_type:
        settings["text_config"] = config(text)
    return kind(**settings | SPECIAL.get(name, {}))

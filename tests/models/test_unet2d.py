"""Folders of diffusers' pipelines: read, sampled and written as the library itself does."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_unet2d
from e2e_world import EVALUATION, SIZE, Run, runs, strays, write_world
from gsu_cli.data.base import Images
from gsu_cli.errors import CheckpointError, GsuError, UsageError
from gsu_cli.gradients import hessian_vector
from gsu_cli.models.contract import check_generator
from gsu_cli.models.diffusion.diffusers_parts import other_bars
from gsu_cli.models.diffusion.unet2d import Unet2d, small
from gsu_cli.models.protocols import HasEmbeddings, HasImageSites, HasNoiseLevels
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.weight_files import find_weights
from tiny_unet2d import NET, NOISE, T, diffusers, drawn, opened, save

SHAPE = (1, SIZE, SIZE)


def ours(model: Unet2d, n: int, seed: int) -> torch.Tensor:
    with torch.no_grad():
        return model.generate(model.noise(n, torch.Generator().manual_seed(seed)))


NOISY = {"beta_schedule": "linear", "beta_end": 0.9, "timestep_spacing": "leading"}
SCHEDULES: list[dict[str, Any]] = [
    {},
    {"prediction_type": "epsilon", **NOISY},
    {"prediction_type": "sample", "beta_schedule": "scaled_linear", "beta_end": 0.9, "clip_sample": False},
    {"prediction_type": "epsilon", "trained_betas": torch.linspace(0.01, 0.9, T).tolist(), "clip_sample_range": 1.5},
    {"rescale_betas_zero_snr": True},
    {"kind": "DDIM", "set_alpha_to_one": False, "steps_offset": 1, **NOISY},
    {"kind": "DDIM", "prediction_type": "sample"},
]


@pytest.mark.parametrize("noise", SCHEDULES, ids=lambda noise: " ".join(map(str, noise)) or "as it is")
def test_at_one_noise_ours_and_theirs_are_one_image_both_ways(tmp_path: Path, noise: dict[str, Any]) -> None:
    folder = save(tmp_path / "theirs", **noise)
    model = opened(folder)
    found = ours(model, 6, 3)
    assert found.std() > 0.01
    torch.testing.assert_close(found, drawn(folder, 6, 3, 5), atol=1e-4, rtol=0)
    with torch.no_grad():
        model.network.unet.conv_out.bias.add_(0.1)  # as an unlearned model would differ
    model.save_folder(tmp_path / "ours")
    again = drawn(tmp_path / "ours", 6, 3, 5)
    assert (again - found).abs().max() > 1e-3
    torch.testing.assert_close(ours(model, 6, 3), again, atol=1e-4, rtol=0)


def test_a_folder_keeps_what_it_said_and_says_what_was_sampled(tmp_path: Path) -> None:
    folder = save(tmp_path / "theirs", clip_sample_range=2.0, timestep_spacing="leading")
    opened(folder, spacing="trailing").save_folder(tmp_path / "ours")
    for part in ("model_index.json", "unet/config.json"):
        before, after = (json.loads((tmp_path / name / part).read_text()) for name in ("theirs", "ours"))
        assert after | {"sample_size": None} == before | {"sample_size": None}
    before, after = (
        json.loads((tmp_path / name / "scheduler/scheduler_config.json").read_text()) for name in ("theirs", "ours")
    )
    assert after == before | {"timestep_spacing": "trailing"}
    torch.testing.assert_close(
        ours(opened(folder, spacing="trailing"), 4, 0), drawn(tmp_path / "ours", 4, 0, 5), atol=1e-4, rtol=0
    )


def test_loss_is_the_librarys(tmp_path: Path) -> None:
    model = opened(save(tmp_path / "theirs"))
    scheduler = diffusers.DDPMScheduler(**NOISE)
    x, g = torch.rand(9, *SHAPE), torch.Generator().manual_seed(1)
    sites = model.sites(x, None, g)
    again = torch.Generator().manual_seed(1)
    t, eps = model.times(9, again), torch.randn(x.shape, generator=again)
    torch.testing.assert_close(sites.inputs[0], scheduler.add_noise(2 * x - 1, eps, t))
    torch.testing.assert_close(sites.targets, scheduler.get_velocity(2 * x - 1, eps, t))
    with torch.no_grad():
        expected = (model.network.unet(sites.inputs[0], t).sample - sites.targets).square().flatten(1).mean(1)
        torch.testing.assert_close(model.loss(x, None, torch.Generator().manual_seed(1)), expected)


def test_what_it_can_do(tmp_path: Path) -> None:
    model = opened(save(tmp_path / "theirs"))
    check_generator(model, SHAPE)
    assert isinstance(model, HasNoiseLevels)
    assert isinstance(model, HasImageSites)
    assert not isinstance(model, HasEmbeddings)
    images = Images(torch.randint(256, (6, *SHAPE), dtype=torch.uint8), torch.zeros(6, dtype=torch.int64))
    v = {k: torch.ones_like(p) for k, p in model.named_parameters()}
    _, Hv = hessian_vector(model, images, v, seed=0)  # fused attention has no second derivative
    assert all(bool(torch.isfinite(part).all()) for part in Hv.values())
    again = Unet2d(**json.loads(json.dumps(model.config())))
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(ours(again.eval(), 3, 0), ours(model, 3, 0))
    torch.testing.assert_close(ours(copy.deepcopy(model), 3, 0), ours(model, 3, 0))


@pytest.mark.parametrize("shape", [(3, 12, 12), (1, 6, 6), (1, 5, 5)])
def test_without_options_there_is_a_small_one(shape: tuple[int, int, int]) -> None:
    model = Unet2d(shape, sample_steps=5).eval()
    check_generator(model, shape)
    assert sum(p.numel() for p in model.parameters()) < 300_000
    assert model.spacing == "trailing", "nobody chose the library's default here"
    assert small(shape)["sample_size"] == list(shape[1:])


# What a run of diffusers showed, and gsu lacks or refuses


def test_steps_that_do_not_divide_the_levels_are_refused(tmp_path: Path) -> None:
    """The library goes from one level and lands on another; of pure noise with a spread of 1 nothing is left."""

    def spread(steps: int, spacing: str) -> float:
        scheduler = diffusers.DDIMScheduler(timestep_spacing=spacing, clip_sample=False)
        scheduler.set_timesteps(steps)
        x = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).double()
        for t in scheduler.timesteps:  # data N(0, 1/4): the exact word of a network that knows it
            a = scheduler.alphas_cumprod[t].double()
            x = scheduler.step((1 - a).sqrt() / (a / 4 + 1 - a) * x, t, x).prev_sample
        return float(x.std())

    assert spread(500, "trailing") == pytest.approx(0.5, abs=0.01)
    assert spread(501, "trailing") > 0.6
    folder = save(tmp_path / "theirs")
    with pytest.raises(UsageError, match=r"must divide the scheduler's noise levels, 20.*found 7\. Choose 5"):
        opened(folder, sample_steps=7)
    with pytest.raises(UsageError, match="must divide"):
        opened(folder, sample_steps=21)


def test_leading_steps_that_begin_early_are_refused(tmp_path: Path) -> None:
    scheduler = diffusers.DDIMScheduler()
    scheduler.set_timesteps(20)
    assert int(scheduler.timesteps[0]) == 950
    folder = save(tmp_path / "theirs", timestep_spacing="leading")
    assert opened(folder, sample_steps=None).sampling_times()[0] == T - 1, "all levels: both spacings are the same"
    with pytest.raises(UsageError, match=r"begin where next to nothing of an image is left; found \d+% at level 16 of"):
        opened(folder)
    assert opened(folder, spacing="trailing").sampling_times() == [19, 15, 11, 7, 3]


def test_an_edit_of_a_copied_config_is_kept(tmp_path: Path) -> None:
    edited = dict(diffusers.DDPMScheduler(**NOISE).config)
    edited["clip_sample_range"] = 3.0
    assert diffusers.DDIMScheduler.from_config(edited).config.clip_sample_range == 1.0, "the library drops it"
    assert "clip_sample_range" in edited["_use_default_values"]
    model = Unet2d(SHAPE, unet=NET, scheduler={**edited, "_class_name": "DDIMScheduler"}, sample_steps=5)
    model.save_folder(tmp_path / "ours")
    assert diffusers.DDIMPipeline.from_pretrained(tmp_path / "ours").scheduler.config.clip_sample_range == 3.0


def test_linspace_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "theirs", timestep_spacing="linspace")
    with pytest.raises(UsageError, match=r"`model.spacing` must be one of trailing, leading.*found linspace"):
        opened(folder)
    assert opened(folder, spacing="trailing").spacing == "trailing"


@pytest.mark.parametrize("spacing", [0, False, "linspace", float("nan")])
def test_what_is_typed_is_no_silent_default(tmp_path: Path, spacing: object) -> None:
    folder = save(tmp_path / "theirs")
    with pytest.raises(UsageError, match=rf"`model.spacing` must be one of trailing, leading; found {spacing}\."):
        opened(folder, spacing=spacing)


# Bad folders: one sentence each


@pytest.mark.parametrize("options", [{}, {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}])
def test_the_levels_of_a_ddim_scheduler_are_compared_with_every_schedule(options: dict[str, Any]) -> None:
    theirs = diffusers.DDIMScheduler(**options).config
    found = other_bars(diffusers, {**theirs, "_class_name": "DDIMScheduler"})
    assert sum("beta_schedule" in words for words in found) == 4  # its own is linear
    assert any("sigmoid" in words for words in found)


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def without(path: Path) -> Callable[[Path], None]:
    return lambda folder: shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()


def index(**values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "model_index.json", **values)


def unet(**values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "unet/config.json", **values)


def scheduler(**values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "scheduler/scheduler_config.json", **values)


def text(path: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_text(content) and None


LATENT = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "safety_checker": [None, None],
}
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "latent": (index(**LATENT), "StableDiffusionPipeline with vae AutoencoderKL, text_encoder CLIPTextModel"),
    "another network": (index(unet=["diffusers", "UNet1DModel"]), "DDPMPipeline with UNet1DModel"),
    "another scheduler": (index(scheduler=["diffusers", "PNDMScheduler"]), "must be one of DDPMScheduler, DDIMSched"),
    "no scheduler": (index(scheduler=[None, None]), "found none in"),
    "index is a list": (
        text("model_index.json", "[1]"),
        "model_index.json must hold a JSON object; found [1]",
    ),
    "index is cut": (text("model_index.json", '{"_class'), "model_index.json must be readable JSON"),
    "index of strange parts": (index(unet=3), "with no UNet in"),
    "no unet": (without(Path("unet")), "must hold its UNet; found no unet/ in"),
    "no weights": (without(Path("unet/diffusion_pytorch_model.safetensors")), "without any"),
    "no config": (without(Path("unet/config.json")), "must have its config.json beside the weights"),
    "no scheduler folder": (without(Path("scheduler")), "needs the scheduler that it was trained with beside it"),
    "scheduler is cut": (text("scheduler/scheduler_config.json", "{"), "must be readable JSON"),
    "two unets": (lambda f: shutil.copytree(f / "unet", f / "unet_ema"), "found unet and unet_ema in"),
    "weights are cut": (text("unet/diffusion_pytorch_model.safetensors", "x"), "Copy or save it again."),
    "config of another": (unet(_class_name="UNet2DConditionModel"), "found UNet2DConditionModel in"),
    "channels": (
        unet(in_channels=3, out_channels=3),
        "found in_channels and sample_size (3, 12, 12). Choose the data set that it was trained on.",
    ),
    "sample size": (unet(sample_size=28), "celeba and avatars have: dataset.size=28"),
    "no size": (unet(sample_size=[]), "found in_channels and sample_size (1,). Choose the data set that it"),
    "sizes": (unet(sample_size=[12, 14]), "found in_channels and sample_size (1, 12, 14)"),
    "learned variance": (unet(out_channels=2), "without a learned variance; found out_channels 2"),
    "classes": (unet(num_class_embeds=10), "must be an unconditional network"),
    "fourier": (unet(time_embedding_type="fourier"), "must be positional or learned"),
    "learned times": (unet(time_embedding_type="learned", num_train_timesteps=9), "needs all 20 noise levels"),
    "unknown option": (
        unet(colour="red"),
        "unet/config.json must hold options of UNet2DModel alone, as this release has them; found colour. Take it out",
    ),
    "a slip": (unet(act_fnn="silu"), "found act_fnn. Did you mean 'act_fn'? Take it out"),
    "a number as text": (
        unet(norm_num_groups="4"),
        "norm_num_groups in unet/config.json must be a number; found '4'. Write 4 without quotes, or copy",
    ),
    "a size as text": (unet(norm_eps="1e-5"), "must be a number; found '1e-5'. Write 1e-05 without quotes"),
    "numbers as text": (
        unet(block_out_channels=["8", "8"]),
        "each entry of block_out_channels in unet/config.json must be a number; found '8'. Write 8 without quotes",
    ),
    "one block": (unet(down_block_types="DownBlock2D"), "down_block_types in unet/config.json must be a list; found"),
    "a number for a word": (unet(act_fn=3), "act_fn in unet/config.json must be a text; found 3. Copy the folder"),
    "true for a number": (unet(layers_per_block=True), "layers_per_block in unet/config.json must be a number; found"),
    "levels as text": (
        scheduler(num_train_timesteps="20"),
        "num_train_timesteps in scheduler/scheduler_config.json must be a number; found '20'. Write 20 without quotes",
    ),
    "false as text": (
        scheduler(clip_sample="False"),
        "clip_sample in scheduler/scheduler_config.json must be true or false or a number; found 'False'. Write false",
    ),
    "betas as text": (scheduler(trained_betas="many"), "must be a list; found 'many'. Copy the folder again"),
    "unknown block": (unet(down_block_types=["No", "No"]), "must be one that this release of diffusers builds; found"),
    "no levels": (unet(block_out_channels=[], down_block_types=[], up_block_types=[]), "release of diffusers builds"),
    "too many levels": (
        unet(block_out_channels=[8] * 4, down_block_types=["DownBlock2D"] * 4, up_block_types=["UpBlock2D"] * 4),
        "halves images 3 times, so 8 must divide height and width; found 12 x 12. Choose other data, or scale",
    ),
    "odd groups": (unet(norm_num_groups=3), "must be one that this release of diffusers builds; found"),
    "other weights": (unet(block_out_channels=[8, 16]), "of another shape"),
    "prediction": (scheduler(prediction_type="flow"), "must be one of epsilon, v_prediction, sample; found flow"),
    "a list of predictions": (scheduler(prediction_type=["sample"]), "v_prediction, sample; found ['sample']"),
    "no noise levels": (
        scheduler(num_train_timesteps=0),
        "num_train_timesteps in scheduler/scheduler_config.json must",
    ),
    "one noise level": (
        scheduler(num_train_timesteps=1),
        "num_train_timesteps in scheduler/scheduler_config.json must",
    ),
    "variance": (scheduler(variance_type="learned_range"), "found variance_type learned_range for in_channels 1"),
    "thresholding": (scheduler(thresholding=True), "thresholding in scheduler/scheduler_config.json must be false"),
    "clip": (scheduler(clip_sample_range=-1.0), "clip_sample_range in scheduler/scheduler_config.json must be a"),
    "zero snr": (scheduler(rescale_betas_zero_snr=True, prediction_type="epsilon"), "must go with another prediction"),
    "betas": (scheduler(trained_betas=[0.1, 0.2]), "one for each of num_train_timesteps; found 2 for 20"),
    "one beta": (
        scheduler(trained_betas=0.5),
        "trained_betas in scheduler/scheduler_config.json must be a list; found 0.5",
    ),
    "betas above 1": (
        scheduler(trained_betas=[1.5] * T),
        "must lie between 0 and 1, so that an image fades into noise; found betas from 1.5 to 1.5",
    ),
    "betas of nan": (scheduler(trained_betas=[float("nan")] * T), "must lie between 0 and 1"),
    "schedule": (scheduler(beta_schedule="mine"), "must be one that this release of diffusers builds; found mine"),
    "spacing": (scheduler(timestep_spacing="odd"), "`model.spacing` must be one of trailing, leading"),
    "offset below 0": (
        scheduler(steps_offset=-1, timestep_spacing="leading"),
        "steps_offset in scheduler/scheduler_config.json must be an integer >= 0; found -1",
    ),
    "no offset": (scheduler(steps_offset=None), "steps_offset in scheduler/scheduler_config.json must be an integer"),
    "offset": (
        scheduler(steps_offset=9, timestep_spacing="leading"),
        "the first step of sampling must be at one of the 20 noise levels; found",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_folder_is_one_sentence(tmp_path: Path, case: str) -> None:
    folder = save(tmp_path / "theirs")
    harm, said = BAD[case]
    harm(folder)
    with pytest.raises(GsuError) as error:
        opened(folder)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_pickle_beside_is_read_for_tensors_alone(tmp_path: Path) -> None:
    folder = save(tmp_path / "theirs")
    expected = ours(opened(folder), 2, 0)
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    state = diffusers.UNet2DModel.from_pretrained(folder / "unet").state_dict()
    path.unlink()
    torch.save(state, folder / "unet/diffusion_pytorch_model.bin")
    torch.testing.assert_close(ours(opened(folder), 2, 0), expected)
    torch.save({"weights": state, "of": Path("x")}, folder / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(CheckpointError, match="tensors and nothing that could run code"):
        opened(folder)


# Through the command line


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    write_world(folder / "data")
    save(folder / "pipe", net=tiny_unet2d.trained_network(), **tiny_unet2d.FEWER)
    return folder


@pytest.fixture(scope="module")
def line(place: Path, type_line: Callable[..., Any]) -> Callable[..., Any]:
    def run(verb: str, *words: str) -> Any:
        world = ("dataset=idx", "dataset.name=strokes", f"dataset.path={place / 'data'}")
        judged = () if verb == "train" else (*EVALUATION, "judge=[knn]")
        return type_line(verb, *world, *judged, *words, cwd=place)

    return run


FEW = ("method.retain_images=60", "method.forget_images=30", "method.budget_images=60")  # how far it goes is not asked


def newest(place: Path) -> Run:
    return max(runs(place), key=lambda run: run.folder.stat().st_mtime)


def test_a_folder_forgets_and_is_a_folder_again(place: Path, line: Callable[..., Any]) -> None:
    typed = line("unlearn", f"checkpoint.path={place / 'pipe'}", "forget.class=1", "evaluation.samples=30", *FEW)
    assert typed.code == 0, typed.err
    run = newest(place)
    assert "unlearned, as a folder of diffusers:" in typed.out
    assert run.record["config"]["model"]["_target_"] == "gsu_cli.models.diffusion.unet2d.Unet2d"
    assert run.record["update"]["method"] == "fisher_surgery"
    model: Any = load_checkpoint(run.folder / "unlearned.safetensors").model
    found = drawn(run.folder / "unlearned", 5, 7, 10)
    torch.testing.assert_close(ours(model, 5, 7), found, atol=1e-4, rtol=0)
    assert (found - drawn(place / "pipe", 5, 7, 10)).abs().max() > 1e-3
    assert strays(run.folder) == []
    assert run.record["outputs"]["unlearned_folder"]["path"] == "unlearned"
    weights = run.folder / "unlearned/unet/diffusion_pytorch_model.safetensors"
    assert find_weights(run.folder / "unlearned").sha256() == find_weights(weights).sha256()
    assert run.record["outputs"]["unlearned_folder"]["sha256"] == find_weights(weights).sha256()
    measured = line("evaluate", f"checkpoint.path={run.folder / 'unlearned'}", "evaluation.samples=10")
    assert measured.code == 0, measured.err


def test_one_is_trained_here_and_leaves_a_folder(place: Path, line: Callable[..., Any]) -> None:
    words = ("model=unet2d", "training=ddpm", "training.epochs=1", "model.sample_steps=5")
    typed = line("train", *words)
    assert typed.code == 0, typed.err
    run = newest(place)
    model: Any = load_checkpoint(run.folder / "model.safetensors").model
    torch.testing.assert_close(ours(model, 3, 0), drawn(run.folder / "model", 3, 0, 5), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (scheduler(prediction_type="epsilon"), "of eps explained on training images; as v it would explain"),
        (index(**LATENT), "Take its autoencoder alone with model=autoencoder_kl"),
        (without(Path("scheduler")), "needs the scheduler that it was trained with beside it"),
        (index(scheduler=["diffusers", "EulerDiscreteScheduler"]), "found EulerDiscreteScheduler"),
        (without(Path("model_index.json")), "Type checkpoint.path="),
    ],
)
def test_a_bad_folder_ends_the_line_before_any_work(
    place: Path, line: Callable[..., Any], tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    shutil.copytree(place / "pipe", tmp_path / "pipe")
    harm(tmp_path / "pipe")
    typed = line("unlearn", f"checkpoint.path={tmp_path / 'pipe'}", "forget.class=1")
    assert typed.code in (1, 2), typed.err
    assert said in typed.err
    assert len(typed.err.strip().splitlines()) == 1
    assert "Traceback" not in typed.err


def test_without_the_library_a_sentence_names_the_extra(
    place: Path, line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    typed = line("unlearn", f"checkpoint.path={place / 'pipe'}", "forget.class=1")
    assert typed.code == 2
    assert "pip install 'gsu-cli[diffusers]'" in typed.err


def test_a_network_that_diverges_says_so(tmp_path: Path) -> None:
    model = opened(save(tmp_path / "theirs"))
    with torch.no_grad():
        model.network.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(GsuError, match="generated images must be finite"):
        model.sample(2, torch.Generator().manual_seed(0))

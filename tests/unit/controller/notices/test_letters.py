"""Letters in the official form: what stands where, in HTML, PDF and DOCX."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from controller.notices import office, queries
from controller.reports.letter_docx import as_docx
from controller.reports.letter_page import as_html, as_pdf
from controller.reports.letters import Letter, advice, letter_of, size
from tests.unit.controller.notices.conftest import GIB, Office


@pytest.fixture
def letter(house: Office) -> Letter:
    code = house.issue(1, 2)
    with house.desk() as desk:
        return letter_of(queries.detail(desk, code))


def test_a_letter_lists_its_resources_with_finding_and_advice(letter: Letter) -> None:
    assert (letter.addressee, letter.dated) == ("市财政局", "2026年11月23日")
    assert letter.number == "市数函〔2026〕01号"
    number, resource, system, allocated, finding, wanted = letter.rows[0]
    assert (number, resource, system) == ("1", "主机1\nvm-1", "系统1")
    assert allocated == "8核 / 16GB / 200GB"
    assert finding.startswith("闲置：CPU 峰值 2.1 % < 5 %")
    assert finding.endswith("（数据完整率99.5%）")
    assert wanted == "释放"


def test_a_draft_has_neither_number_nor_date_and_leaves_out_what_was_dropped(
    house: Office,
) -> None:
    (code,) = house.draft(1, 2)
    with house.desk() as desk:
        office.drop(desk, code, desk.items(desk.find(code))[0].id or 0, "误列")
        letter = letter_of(queries.detail(desk, code))
    assert letter.number == "（未编号）"
    assert "2026" not in letter.dated
    assert [row[1] for row in letter.rows] == ["主机2\nvm-2"]


def test_the_pdf_is_a4_with_embedded_fonts_and_everything_in_its_order(
    letter: Letter, tmp_path: Path
) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(as_pdf(letter))
    text = _run("pdftotext", "-layout", str(file), "-")
    order = [
        letter.title, letter.number, "市财政局：", "特此函告。", "附件：闲置低效政务云资源清单",
        "市数据局", "2026年11月23日", "vm-1", "vm-2",
    ]  # fmt: skip
    places = [text.rindex(each) for each in order]  # a date stands in the body too
    assert places == sorted(places)
    assert "(A4)" in _run("pdfinfo", str(file))
    fonts = _run("pdffonts", str(file))
    assert "Serif-CJK" in fonts.replace("SerifCJK", "Serif-CJK") or "FangSong" in fonts
    assert " no " not in " ".join(line[-30:-18] for line in fonts.splitlines()[2:])  # embedded


def test_the_date_stands_four_characters_from_the_right_margin(
    letter: Letter, tmp_path: Path
) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(as_pdf(letter))
    words = [
        line for line in _run("pdftotext", "-bbox", str(file), "-").splitlines()
        if ">2026年11月23日<" in line
    ]  # fmt: skip
    right = float(words[-1].split('xMax="')[1].split('"')[0])
    margin = (210 - 26) / 25.4 * 72
    assert margin - right == pytest.approx(4 * 16, abs=2)


def test_the_docx_has_the_margins_and_indents_of_the_form(letter: Letter) -> None:
    document: Any = Document(io.BytesIO(as_docx(letter)))
    page = document.sections[0]
    margins = (page.top_margin, page.bottom_margin, page.left_margin, page.right_margin)
    for found, wanted in zip(margins, (37, 35, 28, 26), strict=True):
        assert abs(found - Mm(wanted)) < Mm(0.1)
    lines = {each.text.strip(): each for each in document.paragraphs}
    assert lines["2026年11月23日"].paragraph_format.right_indent == Pt(64)
    assert lines[letter.paragraphs[0]].paragraph_format.first_line_indent == Pt(32)
    assert lines["市财政局："].runs[0].font.size == Pt(16)
    table = document.tables[0]
    assert [cell.text for cell in table.rows[1].cells] == list(letter.rows[0])
    # Lines are not torn, and a font that is not there is replaced by one of simplified Chinese.
    assert all(row._tr.trPr.findall(qn("w:cantSplit")) for row in table.rows)
    spoken = [each.get(qn("w:eastAsia")) for each in document.styles.element.iter(qn("w:lang"))]
    assert spoken == ["zh-CN"]


def test_nothing_a_unit_is_called_becomes_markup() -> None:
    bad = "<script>alert(1)</script>"
    letter = Letter(bad, bad, bad, (bad,), bad, bad, bad, ((bad,) * 6,))
    assert "<script" not in as_html(letter)
    assert as_docx(letter)
    assert as_pdf(letter).startswith(b"%PDF")


def test_sizes_and_advice_are_said_as_an_official_would() -> None:
    assert size(8, 16 * GIB, None) == "8核 / 16GB / –"
    assert size(0.5, 0.5 * GIB, 1536 * GIB) == "0.5核 / 0.5GB / 1,536GB"
    assert advice({"action": "shrink", "new_vcpu": 4, "new_mem_bytes": 8 * GIB}) == (
        "缩减至4核 / 8GB"
    )
    assert advice({"action": "shrink"}) == "缩减配置"
    assert advice({}) == "核实"


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
